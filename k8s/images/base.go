package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is who the programs run as, by number, since a kubelet cannot see that a name is not
// root (runAsNonRoot). k8s/common/service.yaml says the same.
const user = "65532:65532"

// architectures are those of the images, all for Linux.
var architectures = []string{"amd64", "arm64"}

// base makes what all images have below their program: no shell, no library, a name for
// the user, and the certificate authorities. Zones of time are in the programs that ask for
// any.
func base() (v1.ImageIndex, error) {
	files, err := baseFiles()
	if err != nil {
		return nil, fmt.Errorf("base of the images: %w", err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("base of the images: %w", err)
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arch := range architectures {
		image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
		image, err := mutate.ConfigFile(image, &v1.ConfigFile{
			OS: "linux", Architecture: arch, RootFS: v1.RootFS{Type: "layers"},
			Config: v1.Config{User: user, WorkingDir: "/"},
		})
		if err != nil {
			return nil, fmt.Errorf("base of the images: %w", err)
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer: layer, MediaType: types.OCILayer, History: v1.History{Comment: "user and certificate authorities"},
		})
		if err != nil {
			return nil, fmt.Errorf("base of the images: %w", err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index, nil
}

// baseFiles gives the files of the base as a tar of about 250 KB, the same each time.
func baseFiles() ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range []struct{ name, content string }{
		{"etc/", ""},
		{"etc/passwd", "nonroot:x:65532:65532:nonroot:/:/nowhere\n"},
		{"etc/group", "nonroot:x:65532:\n"},
		{"etc/ssl/", ""},
		{"etc/ssl/certs/", ""},
		{"etc/ssl/certs/ca-certificates.crt", authorities()}, // where Go's crypto/x509 looks first
	} {
		h := tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: 0o444, Size: int64(len(f.content)), Format: tar.FormatUSTAR}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag, h.Mode = tar.TypeDir, 0o555
		}
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}

// authorities gives those that Mozilla trusts, as PEM. Some it trusts for older certificates
// only, which PEM cannot say: they are left out.
func authorities() string {
	var out strings.Builder
	for r := range bundle.Roots() {
		if r.Constraint == nil {
			out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate}))
		}
	}
	return out.String()
}
