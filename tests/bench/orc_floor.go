// orc_floor: less than what orc does, by the packages that orc does it with.
//
// orc cannot be had everywhere. Go's archive/zip, compress/flate and crypto can, and orc's time is theirs: this program
// takes the passes over the data that orc takes by its source (oasis-core, go/runtime/bundle: Open, MrEnclave, Write),
// and leaves out all that is around them: no manifest is parsed, no digest is compared, no SIGSTRUCT is built. Built by
// the same Go, no orc that takes these passes is faster.
//
//	orc_floor gen BUNDLE          every entry inflated for SHA-512/256; the stream once more for SHA-256, which is printed
//	orc_floor set BUNDLE SIG OUT  the same; the same again, since a signed bundle is validated before it is written;
//	                              then every entry inflated and deflated into memory, which is written to OUT
package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "orc_floor:", err)
		os.Exit(1)
	}
}

// pour inflates one entry into w.
func pour(w io.Writer, f *zip.File) {
	r, err := f.Open()
	must(err)
	_, err = io.Copy(w, r)
	must(err)
	must(r.Close())
}

// validate takes the digest of every entry.
func validate(z *zip.ReadCloser) {
	for _, f := range z.File {
		pour(sha512.New512_256(), f)
	}
}

// measure takes SHA-256 of the stream.
func measure(z *zip.ReadCloser) []byte {
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, ".sgx") {
			h := sha256.New()
			pour(h, f)
			return h.Sum(nil)
		}
	}
	must(errors.New("no entry's name ends in .sgx"))
	return nil
}

// write makes the new archive in memory, as Go deflates, and writes it.
func write(z *zip.ReadCloser, signature []byte, out string) {
	var all bytes.Buffer
	w := zip.NewWriter(&all)
	for _, f := range z.File {
		to, err := w.Create(f.Name)
		must(err)
		pour(to, f)
	}
	to, err := w.Create("runtime.sgx.sig")
	must(err)
	_, err = to.Write(signature)
	must(err)
	must(w.Close())
	must(os.WriteFile(out, all.Bytes(), 0o600))
}

func main() {
	args := os.Args[1:]
	if !(len(args) == 2 && args[0] == "gen") && !(len(args) == 4 && args[0] == "set") {
		fmt.Fprintln(os.Stderr, "usage: orc_floor gen BUNDLE | set BUNDLE SIG OUT")
		os.Exit(64)
	}
	z, err := zip.OpenReader(args[1])
	must(err)
	validate(z)
	mrenclave := measure(z)
	if args[0] == "gen" {
		fmt.Printf("%x\n", mrenclave)
		return
	}
	signature, err := os.ReadFile(args[2])
	must(err)
	validate(z)
	measure(z)
	write(z, signature, args[3])
}
