# ensign: one non-recursive Makefile. Objects live in build/$(VARIANT)/.
#   make            the program, build/release/ensign
#   make test       unit tests, fuzz corpora, command-line and token tests (also: scripts/test)
#   make bench      how fast it is, beside the least that is needed (docs/performance.md)
#   make help       every target
# Variables: VARIANT, CC, V=1 (show commands), WERROR=1, PREFIX, DESTDIR, SSH_KEYGEN (its path, which PATH does
# not decide).

VERSION := 0.2.0
# The commit: of an archive what git wrote into the file COMMIT, else of the checkout; "-" where neither says.
COMMIT  := $(shell sed -n 's/^\([0-9a-f]\{12\}\)[0-9a-f]*$$/\1/p' COMMIT)
ifeq ($(COMMIT),)
COMMIT  := $(or $(if $(wildcard .git),$(shell git rev-parse --short=12 HEAD 2>/dev/null)),-)
endif
VARIANT ?= release
B       := build/$(VARIANT)
PREFIX  ?= /usr/local
LIBEXECDIR ?= $(PREFIX)/libexec
SSH_KEYGEN ?= /usr/bin/ssh-keygen
WERROR  ?= 0
PKG_CONFIG ?= pkg-config
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)

# The C standard, and what every object is compiled with.
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wstrict-prototypes \
            -Wmissing-prototypes -Wmissing-declarations -Wredundant-decls -Wformat=2 -Wvla -Wswitch-enum \
            $(if $(filter 1,$(WERROR)),-Werror)
probe     = $(shell printf 'int main(void){return 0;}' | $(CC) -Werror $(1) -x c -o /dev/null - 2>/dev/null && echo '$(1)')
HARDENING := -fPIE -fstack-protector-strong $(call probe,-fstack-clash-protection) $(call probe,-ftrivial-auto-var-init=zero)
CPPFLAGS_ALL := -D_GNU_SOURCE -I. -DENSIGN_VERSION='"$(VERSION)"' -DENSIGN_SSH_KEYGEN='"$(SSH_KEYGEN)"' -DOPENSSL_API_COMPAT=0x30000000L -DOPENSSL_NO_DEPRECATED
CFLAGS_release  := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
CFLAGS_asan     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_valgrind := -O1 -g
CFLAGS_cov      := -O0 -g --coverage
CFLAGS_fuzz     := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
CFLAGS_VARIANT  := $(if $(CFLAGS_$(VARIANT)),$(CFLAGS_$(VARIANT)),$(CFLAGS_release))
LDFLAGS_asan    := -fsanitize=address,undefined
LDFLAGS_cov     := --coverage
LDFLAGS_fuzz    := -fsanitize=address,undefined
# The directory of the build is in no program: two clones give the same bytes (scripts/package-check).
export PWD      := $(CURDIR)
MAP             := $(if $(filter cov,$(VARIANT)),,"-ffile-prefix-map=$(CURDIR)=.")
CFLAGS_ALL      := -std=gnu17 $(WARNINGS) $(HARDENING) $(CFLAGS_VARIANT) $(MAP) $(CFLAGS)
# Sanitizers, valgrind and coverage use files and system calls of their own: built without the wall (base/wall.h).
CPPFLAGS_ALL    += $(if $(filter asan valgrind cov fuzz,$(VARIANT)),-DENSIGN_NO_WALL)
# The stack of a function of the product, in bytes; sanitizers and coverage make frames of their own.
FRAME           := $(if $(LDFLAGS_$(VARIANT)),,-Wframe-larger-than=16384)
LDFLAGS_ALL     := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS_$(VARIANT)) $(LDFLAGS)

PKGS := libcrypto libp11 jansson libzip zlib libisal libseccomp p11-kit-1
CPPFLAGS_ALL += $(shell $(PKG_CONFIG) --cflags $(PKGS)) $(CPPFLAGS)
# p11-kit-1 gives pkcs11.h only: its library is not linked into a program.
LIBS := $(shell $(PKG_CONFIG) --libs libcrypto jansson libzip zlib libisal libseccomp) -lpthread

# ---- the program ----
LIB_SRC  := $(wildcard $(addsuffix /*.c,signer/base signer/sgx signer/quorum signer/ui signer/ceremony signer/flow signer/cmd signer/cmd/* hsm bundle bundle/*))
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
MAIN_OBJ := $(B)/signer/main.o

.PHONY: all
all: $(B)/ensign $(B)/ensign-offline $(B)/ensign-token $(B)/man/ensign/ensign.1 $(B)/man/ensign-offline/ensign-offline.1 ## build ensign, ensign-offline, ensign-token (VARIANT, CC, V=1, WERROR=1)

# The program of the signing host: these files and no other. It opens no enclave, so that it is linked without
# bundle/, libzip, zlib, ISA-L and jansson; scripts/check-house.sh looks for their symbols.
OFFLINE_SRC := $(addsuffix .c,signer/main \
    $(addprefix signer/base/,apart base64 bytes codec date digest err file file_inputs file_io file_out file_stdin file_sweep hex hex_text interrupt lock magic mem mem_printf \
        num ossl path process secret spawn text text_nearest text_printable version wall wall_calls xof) \
    $(addprefix signer/sgx/,bits findings known_keys params_check rsa3072 rsa3072_cert rsa3072_key rsa3072_private sigstruct verify) \
    $(addprefix signer/quorum/,card check combine deal formats lines number prove refresh seal subsets) \
    $(addprefix signer/ui/,clock colour notice options options_help options_parse output pace report screen screen_pages) \
    $(addprefix signer/ceremony/,approval approval_count armour armour_frame hand head minutes minutes_run minutes_sheet minutes_signed people policy policy_check \
        policy_fields policy_keywords policy_text policy_values review review_danger review_screen \
        review_set review_table revoked sshkey sshsig statement transcript transcript_ack \
        transcript_facts transcript_file transcript_rejections transcript_verify transcript_words words) \
    $(addprefix signer/flow/,approval_files approval_report artifact batch child_env confine consent consent_report dangers key_destroy moment operands pin record record_facts \
        request sealing_key sign_batch sign_review signer_name signing_key swap text_form token token_sessions verdict) \
    $(addprefix signer/cmd/,approve/approve approve/approve_question check/check destroy_key help keygen keys pubkey quorum/check quorum/combine quorum/deal quorum/destroy quorum/enroll quorum/apply quorum/quorum quorum/refresh \
        quorum/repair quorum/restore quorum/share quorum/sign show/show show/show_approval \
        show/show_ceremony show/show_quorum show/show_set show/show_sigstruct sign/sign sign/sign_success transcript) \
    $(addprefix hsm/,client client_items helper helper_end helper_start installed page page_names uri uri_query uri_text wire words))
OFFLINE_OBJ  := $(OFFLINE_SRC:%.c=$(B)/%.o) $(B)/signer/cmd/table_offline.o
OFFLINE_LIBS := $(shell $(PKG_CONFIG) --libs libcrypto libseccomp) -lpthread

$(B)/signer/cmd/table_offline.o: signer/cmd/table.c Makefile
	@echo "  CC    $< (offline)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(EXTRA) -DENSIGN_OFFLINE -MMD -MP -c -o $@ $<

$(B)/ensign-offline: $(OFFLINE_OBJ)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(OFFLINE_LIBS)

# The program of the PKCS#11 module, which ensign starts: these files and no other. It alone loads foreign code.
TOKEN_SRC := $(addsuffix .c,\
    $(addprefix signer/base/,bytes codec digest err hex mem ossl secret text_nearest text_printable version) \
    $(addprefix hsm/,page uri uri_text wire) \
    $(addprefix hsm/token/,call candidates ckr decrypt forbid key key_read keygen login main module p11 serve session sign token))
TOKEN_OBJ  := $(TOKEN_SRC:%.c=$(B)/%.o)
TOKEN_LIBS := $(shell $(PKG_CONFIG) --libs libcrypto libp11) -ldl

$(B)/ensign-token: $(TOKEN_OBJ)
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(TOKEN_LIBS)

$(B)/ensign: $(MAIN_OBJ) $(B)/libensign.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(B)/libensign.a: $(LIB_OBJ)
	@echo "  AR    $@"
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

# The one object that is built anew for every commit.
$(B)/commit: FORCE
	@mkdir -p $(@D)
	@echo '$(COMMIT)' | cmp -s - $@ || echo '$(COMMIT)' >$@
.PHONY: FORCE
FORCE:

# The one object that knows where ensign-token is installed: `make install PREFIX=...` after `make` builds it anew.
$(B)/libexecdir: FORCE
	@mkdir -p $(@D)
	@echo '$(LIBEXECDIR)' | cmp -s - $@ || echo '$(LIBEXECDIR)' >$@
$(B)/hsm/helper_start.o: $(B)/libexecdir
$(B)/hsm/helper_start.o: CPPFLAGS_ALL += -DENSIGN_LIBEXECDIR='"$(LIBEXECDIR)"'

$(B)/signer/base/version.o: $(B)/commit
$(B)/signer/base/version.o: CPPFLAGS_ALL += -DENSIGN_COMMIT='"$(COMMIT)"'

# banned.h goes in front of product code only.
$(B)/signer/%.o $(B)/hsm/%.o $(B)/bundle/%.o: EXTRA := -include signer/base/banned.h $(FRAME)

$(B)/%.o: %.c Makefile
	@echo "  CC    $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(EXTRA) -MMD -MP -c -o $@ $<

# Pages of the manual, a group of commands each; the overview is written last.
$(B)/man/ensign/ensign.1 $(B)/man/ensign-offline/ensign-offline.1: $(B)/man/%.1: docs/ensign.1 scripts/manual-pages.sh
	@echo "  MAN   $@"
	$(Q)scripts/manual-pages.sh $(notdir $*) $(@D)

# ---- unit tests (cmocka): tests/unit/test_*.c, one program each ----
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(B)/tests/unit/%)
TEST_LIBS = $(shell $(PKG_CONFIG) --libs cmocka p11-kit-1)

# Programs of the tests stand two directories below ensign-token.
$(B)/tests/support/helper_start.o: hsm/helper_start.c Makefile
	@echo "  CC    $< (tests)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) -DENSIGN_TOKEN_BESIDE='"../../ensign-token"' $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# A test may wrap functions of the product: WRAP_test_name = function ...
WRAP_test_base_secret := munmap
WRAP_test_base_file_out := fchmod
WRAP_test_base_file_group := fsync renameat2
WRAP_test_install := bundle_open_fd
WRAP_test_quorum_oom := mem_alloc mem_room mem_grow
WRAP_test_oom := mem_alloc mem_room mem_grow mem_strndup mem_strdup mem_printf
# What tests share; the linker takes from it what a test asks for.
$(B)/tests/support/libsupport.a: $(patsubst %.c,$(B)/%.o,$(filter-out tests/support/clock.c,$(wildcard tests/support/*.c)))
	@echo "  AR    $@"
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/tests/support/helper_start.o $(B)/tests/support/libsupport.a $(B)/libensign.a | $(B)/tests/hsm/fault.so $(B)/ensign-token
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(foreach f,$(WRAP_$*),-Wl,--wrap=$(f)) -o $@ $^ $(LIBS) $(TEST_LIBS)

# ---- ensign with another ssh-keygen: ../bin/ssh-keygen beside the work directory of a command-line test ----
$(B)/tests/cli/child_env.o: signer/flow/child_env.c Makefile
	@echo "  CC    $< (tests)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) -UENSIGN_SSH_KEYGEN -DENSIGN_SSH_KEYGEN='"../bin/ssh-keygen"' $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/tests/cli/ensign: $(MAIN_OBJ) $(B)/tests/cli/child_env.o $(B)/tests/support/helper_start.o $(B)/libensign.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# ---- ensign with a reader that was taken over, and a kernel that refuses the wall (tests/cli/wall.bats) ----
comma := ,
EVIL  := $(addprefix -Wl$(comma)--wrap=,file_open file_read_all hand_read transcript_read)
$(B)/tests/cli/ensign-evil: $(MAIN_OBJ) $(B)/tests/cli/evil.o $(B)/libensign.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(EVIL) -o $@ $^ $(LIBS)

$(B)/tests/cli/ensign-offline-evil: $(OFFLINE_OBJ) $(B)/tests/cli/evil.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(EVIL) -o $@ $^ $(OFFLINE_LIBS)

$(B)/tests/cli/refuse: $(B)/tests/cli/refuse.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(OFFLINE_LIBS)

# The side of the module once more, inside the test program.
INSIDE_OBJ := $(patsubst %.c,$(B)/%.o,$(filter hsm/token/%,$(filter-out hsm/token/main.c hsm/token/serve.c,$(TOKEN_SRC))))
$(B)/tests/unit/test_inside%: $(B)/tests/unit/test_inside%.o $(B)/tests/support/libsupport.a $(INSIDE_OBJ) $(B)/libensign.a | $(B)/tests/hsm/fault.so
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS) $(TOKEN_LIBS) $(TEST_LIBS)

# ---- ensign whose workers files take over, and that waits for them for a few seconds only (tests/cli/workers.bats) ----
$(B)/tests/cli/workers.o: signer/flow/workers.c Makefile
	@echo "  CC    $< (tests)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) -DWORKERS_SECONDS=6 $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/tests/cli/ensign-captured: $(MAIN_OBJ) $(B)/tests/cli/captured.o $(B)/tests/cli/workers.o $(B)/tests/support/helper_start.o $(B)/libensign.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -Wl,--wrap=enclave_open,--wrap=install_enclave,--wrap=workers_say -o $@ $^ $(LIBS)

# ---- what the reader of TOML makes of documents (tests/interop/test_toml.py) ----
$(B)/tests/interop/toml_print: $(B)/tests/interop/toml_print.o $(B)/libensign.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# ---- the forwarding PKCS#11 modules of the tests ----
HSM_MODULES := $(B)/tests/hsm/fault.so $(B)/tests/hsm/quirk.so
$(HSM_MODULES): $(B)/%.so: %.c tests/hsm/forward.c tests/hsm/forward.h Makefile
	@echo "  LD    $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) -std=gnu17 $(WARNINGS) -O2 -g -fPIC -shared -o $@ $(filter %.c,$^) -ldl -lpthread

# ---- the helper that lies, put in the place of ensign-token by tests ----
$(B)/tests/hsm/liar: $(B)/tests/hsm/liar.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^

# ---- a clock that stands, for tests whose files have days in them ----
$(B)/tests/support/clock.so: tests/support/clock.c Makefile
	@echo "  LD    $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS_ALL) -std=gnu17 $(WARNINGS) -O2 -g -fPIC -shared -o $@ $<

# ---- fuzz targets: libFuzzer with clang, and a replayer of the corpora with any compiler ----
FUZZ_SRC    := $(wildcard tests/fuzz/fuzz_*.c)
REPLAY_BIN  := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/tests/fuzz/replay_%)
FUZZ_BIN    := $(FUZZ_SRC:tests/fuzz/%.c=$(B)/tests/fuzz/%)

# The search for the field that differs hashes 200,000 times: the target lets it run now and then only.
WRAP_signature := diagnose_find_field

$(B)/tests/fuzz/replay_fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/tests/support/libsupport.a $(B)/libensign.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(foreach f,$(WRAP_$*),-Wl,--wrap=$(f)) -o $@ $^ $(LIBS)

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/support/libsupport.a $(B)/libensign.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) $(foreach f,$(WRAP_$*),-Wl,--wrap=$(f)) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# ---- what make bench compares with: the limit program, a bare token loop, and a runner that counts; and the arithmetic of
# a quorum, which it times alone ----
BENCH_BIN         := $(addprefix $(B)/tests/bench/,limit token_loop run quorum)
BENCH_LIBS_limit   = $(shell $(PKG_CONFIG) --libs libcrypto jansson zlib libisal libdeflate)
BENCH_LIBS_token_loop := -ldl
$(B)/tests/bench/%: $(B)/tests/bench/%.o
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(BENCH_LIBS_$*)

$(B)/tests/bench/quorum: $(B)/tests/bench/quorum.o $(B)/libensign.a
	@echo "  LD    $@"
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# orc's floor needs the compiler that orc needs; without it bench says so.
$(B)/tests/bench/orc_floor: tests/bench/orc_floor.go
	@echo "  GO    $@"
	@mkdir -p $(@D)
	$(Q)GOTOOLCHAIN=local GOFLAGS= go build -o $@ $<

.PHONY: bench-build bench
bench-build: all $(BENCH_BIN) $(B)/tests/hsm/quirk.so $(B)/tests/cli/refuse ## build what make bench runs
bench: bench-build $(if $(shell command -v go),$(B)/tests/bench/orc_floor) ## how fast it is, beside the least that is needed
	$(Q)scripts/bench $(VARIANT)

.SECONDARY:

.PHONY: tests-build
tests-build: all $(UNIT_BIN) $(REPLAY_BIN) $(HSM_MODULES) $(B)/tests/hsm/liar $(B)/tests/support/clock.so $(B)/tests/interop/toml_print $(addprefix $(B)/tests/cli/,ensign ensign-captured ensign-evil ensign-offline-evil refuse) $(BENCH_BIN) ## build what the tests need

.PHONY: unit-build
unit-build: all $(UNIT_BIN) $(REPLAY_BIN) ## build the unit tests and the replayers of the fuzz corpora, which need no other tool

.PHONY: test
test: tests-build ## unit tests, fuzz corpora, command-line and token tests
	$(Q)scripts/run-tests $(VARIANT)

.PHONY: check-asan check-valgrind
check-asan: ## the same under AddressSanitizer and UBSan
	$(Q)$(MAKE) VARIANT=asan tests-build
	$(Q)scripts/run-tests asan
check-valgrind: ## the unit tests under valgrind
	$(Q)$(MAKE) VARIANT=valgrind unit-build
	$(Q)ENSIGN_VALGRIND=1 scripts/run-tests valgrind unit

# Each fuzz target for FUZZ_SECONDS; a finding stops the run and is left in build/.
FUZZ_SECONDS ?= 20
.PHONY: fuzz-build fuzz
fuzz-build: $(FUZZ_BIN) ## build the fuzz targets (CC=clang)
fuzz: ## each fuzz target for FUZZ_SECONDS
	$(Q)$(MAKE) VARIANT=fuzz CC=clang fuzz-build
	$(Q)scripts/run-fuzz $(FUZZ_SECONDS)

.PHONY: lint
lint: ## compilers, formatters and checkers over the sources
	$(Q)scripts/lint

# For checkers that read the sources themselves.
.PHONY: print-cppflags
print-cppflags: ## print the preprocessor's flags, for checkers
	@echo $(CPPFLAGS_ALL)

.PHONY: cov
cov: ## tests with coverage
	$(Q)$(MAKE) VARIANT=cov tests-build
	$(Q)scripts/run-tests cov
	$(Q)scripts/coverage

# What each program installs: itself, the process of its token, its manual (the commands, the files, the ceremonies).
# Both may be installed on one host, so the pages of ensign-offline have names of their own.
# Completion goes where each shell looks for that of others' programs.
ZSHDIR ?= $(PREFIX)/share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
COMPLETION = $(addprefix $(DESTDIR),$(PREFIX)/share/bash-completion/completions/$(1) $(ZSHDIR)/_$(1) $(PREFIX)/share/fish/vendor_completions.d/$(1).fish)
GROUPS_ensign := enclave keys quorum resign sign verify
GROUPS_ensign-offline := keys quorum sign verify
PAGES = $(foreach p,$(1).1 $(patsubst %,$(1)-%.1,$(GROUPS_$(1))) $(1)-json.5,$(DESTDIR)$(PREFIX)/share/man/man$(patsubst .%,%,$(suffix $(p)))/$(p))
MANUAL = $(foreach s,.5 .7 -quorum.7,$(DESTDIR)$(PREFIX)/share/man/man$(patsubst -quorum.%,%,$(s:.%=%))/$(1)$(s))
# The form that is filled in by hand.
FORM = $(DESTDIR)$(PREFIX)/share/doc/$(1)/minutes.txt
define install-program
	install -D -m 0755 $(B)/$(1) $(DESTDIR)$(PREFIX)/bin/$(1)
	install -D -m 0755 $(B)/ensign-token $(DESTDIR)$(LIBEXECDIR)/ensign/ensign-token
	$(foreach page,$(call PAGES,$(1)),install -D -m 0644 $(B)/man/$(1)/$(notdir $(page)) $(page) &&) :
	$(foreach page,$(call MANUAL,$(1)),install -D -m 0644 docs/ensign$(patsubst $(1)%,%,$(notdir $(page))) $(page) &&) :
	$(foreach file,$(call COMPLETION,$(1)),install -D -m 0644 docs/completion/$(notdir $(file))$(if $(filter $(1),$(notdir $(file))),.bash) $(file) &&) :
	install -D -m 0644 docs/minutes.txt $(call FORM,$(1))
endef

.PHONY: install install-offline uninstall
install: all ## install ensign and its manual (PREFIX, DESTDIR)
	$(call install-program,ensign)
install-offline: $(B)/ensign-offline $(B)/ensign-token $(B)/man/ensign-offline/ensign-offline.1 ## install ensign-offline and its manual
	$(call install-program,ensign-offline)
uninstall: ## remove what both have installed (with the same PREFIX, DESTDIR)
	rm -f $(foreach p,ensign ensign-offline,$(DESTDIR)$(PREFIX)/bin/$(p) $(call PAGES,$(p)) $(call MANUAL,$(p)) $(call COMPLETION,$(p)) $(call FORM,$(p))) \
		$(DESTDIR)$(LIBEXECDIR)/ensign/ensign-token
	for d in $(DESTDIR)$(LIBEXECDIR)/ensign $(foreach p,ensign ensign-offline,$(dir $(call FORM,$(p)))); do test ! -d $$d || rmdir $$d; done

.PHONY: dist
DIST := build/ensign-$(VERSION).tar
dist: ## build/ensign-VERSION.tar.gz of the commit that is checked out
	@test -e .git || { echo "dist: .git: is not here: make dist in a git checkout" >&2; exit 1; }
	$(Q)mkdir -p build
	$(Q)git archive --format=tar --prefix=ensign-$(VERSION)/ -o $(DIST).new HEAD || { rm -f $(DIST).new; exit 1; }
	$(Q)gzip -n -9 <$(DIST).new >$(DIST).gz && rm $(DIST).new
	@echo $(DIST).gz

.PHONY: clean
clean: ## remove build/
	$(Q)rm -rf build

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

-include $(wildcard $(B)/*/*.d $(B)/*/*/*.d $(B)/*/*/*/*.d)
