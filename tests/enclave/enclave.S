/*
 * The smallest enclave that is real: it is entered, forgets what it knows and leaves at once.
 *
 * This is the code page that tests/interop/mkenclave.py puts at offset 0 of the enclave, where the
 * TCS's OENTRY points. It is position independent, touches no memory (RSP still points into the
 * untrusted stack) and uses no instruction beyond x87 and SSE, so it runs under any XFRM.
 *
 * On entry (SDM volume 3D, "EENTER"): RAX = CSSA, RBX = address of the TCS, RCX = address of the
 * instruction after the caller's ENCLU[EENTER]. RSP and RBP are the caller's own.
 * On leaving (SDM volume 3D, "EEXIT"): EAX = 4, RBX = address to go on at, outside the enclave.
 * EEXIT clears nothing: whatever a register holds is told to the host ("EEXIT", and the note
 * there that the enclave has to clear its state), so every register but those two is cleared here
 * as an enclave with secrets would have to do. A second entry after an exception (CSSA = 1) finds
 * no SSA frame left and is refused by EENTER itself, NSSA being 1. */
        .section .text
        .globl  enclave_entry
        .type   enclave_entry, @function

        .set    EEXIT, 4                /* ENCLU leaf, SDM volume 3D, table "ENCLU leaf functions" */

enclave_entry:
        cld                             /* DF is the caller's until now: a careful enclave sets it */
        lfence                          /* nothing below runs ahead of the entry */
        mov     %rcx, %rbx              /* EEXIT's target: where EENTER said the caller goes on */

        /* x87: back to the state after reset, data registers with it (XFRM bit 0) */
        fninit
        .rept   8
        fldz
        .endr
        fninit

        /* SSE registers (XFRM bit 1); their upper halves do not exist without AVX in XFRM */
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        pxor    %xmm\n, %xmm\n
        .endr

        /* general registers; RSP and RBP were the caller's and were not changed */
        xor     %ecx, %ecx              /* EEXIT writes the AEP here all the same */
        xor     %edx, %edx
        xor     %esi, %esi
        xor     %edi, %edi
        .irp    n, 8, 9, 10, 11, 12, 13, 14, 15
        xor     %r\n\()d, %r\n\()d
        .endr

        mov     $EEXIT, %eax            /* MOV, so the flags stay those of XOR: known, no secret */
        enclu
        ud2                             /* EEXIT does not come back */

        .size   enclave_entry, . - enclave_entry
        .section .note.GNU-stack, "", @progbits
