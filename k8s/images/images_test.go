package main

import (
	"archive/tar"
	"context"
	"crypto/x509"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

const root = "../.."

// from is an origin that no commit has: sources may be changed while tests run.
var from = origin{revision: "0123456789abcdef", version: "1.2.3", source: "https://code.example/tienda", at: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}

// all are the images of every app, built once for all tests.
var all images

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "tienda-images-")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		if all, err = build(context.Background(), root, filepath.Join(dir, "layout"), from, apps, os.Stderr); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

func TestEveryAppOfTheManifestsHasAnImage(t *testing.T) {
	used, built := map[string]bool{}, map[string]bool{}
	require.NoError(t, filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".yaml" {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, m := range regexp.MustCompile(`(?:image|name): tienda/([a-z]+)`).FindAllSubmatch(raw, -1) {
			used[string(m[1])] = true
		}
		return err
	}))
	platforms := map[string][]string{}
	require.NoError(t, all.each(func(app, arch string, _ v1.Image) error {
		built[app] = true
		platforms[app] = append(platforms[app], arch)
		return nil
	}))
	require.Equal(t, used, built)
	for app, archs := range platforms {
		require.ElementsMatch(t, []string{"amd64", "arm64"}, archs, app)
	}
}

// Each image has one static program, the authorities and a name for its user; nothing in it
// can be written, and its user has a number.
func TestWhatIsInAnImage(t *testing.T) {
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	bills := billsBySubject(t)
	require.NoError(t, all.each(func(app, arch string, image v1.Image) error {
		c, err := image.ConfigFile()
		require.NoError(t, err)
		require.Equal(t, arch, c.Architecture)
		require.Equal(t, "linux", c.OS)
		require.Regexp(t, `^[1-9][0-9]*:[1-9][0-9]*$`, c.Config.User)
		require.Equal(t, []string{"/ko-app/" + app}, c.Config.Entrypoint)
		require.Empty(t, c.Config.Cmd)
		require.True(t, from.at.Equal(c.Created.Time), "it is as old as the commit")
		for label, want := range map[string]string{"title": "tienda/" + app, "version": "1.2.3", "revision": from.revision,
			"source": from.source, "created": "2026-03-04T05:06:07Z", "licenses": "Apache-2.0"} {
			require.Equal(t, want, c.Config.Labels["org.opencontainers.image."+label], label)
		}
		require.NotEmpty(t, c.Config.Labels["org.opencontainers.image.description"])

		dir := t.TempDir()
		program := "ko-app/" + app
		require.ElementsMatch(t, []string{"etc/passwd", "etc/group", "etc/ssl/certs/ca-certificates.crt", program}, unpack(t, image, dir))
		file, err := elf.Open(filepath.Join(dir, program))
		require.NoError(t, err)
		defer func() { _ = file.Close() }()
		require.Equal(t, machines[arch], file.Machine)
		require.False(t, slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC }), "it is static")
		authoritiesOf(t, filepath.Join(dir, "etc/ssl/certs/ca-certificates.crt"))

		digest, err := image.Digest()
		require.NoError(t, err)
		require.Contains(t, bills, digest)
		info, err := buildinfo.ReadFile(filepath.Join(dir, program))
		require.NoError(t, err)
		listed := modulesOf(t, bills[digest])
		for _, m := range info.Deps {
			require.Equal(t, m.Version, listed[m.Path], m.Path)
		}
		require.Contains(t, listed, "tienda")
		require.GreaterOrEqual(t, len(listed), len(info.Deps)+1)

		packed, unpacked, err := size(image)
		require.NoError(t, err)
		require.Less(t, packed, int64(20e6), "to pull")
		t.Logf("%s %s: %.1f MB to pull, %.1f MB on disk, %d modules", app, arch, float64(packed)/1e6, float64(unpacked)/1e6, len(info.Deps))
		return nil
	}))
}

// unpack writes the files of an image into dir and gives their names. None can be written by
// anybody or gives its user more rights, and no directory can.
func unpack(t *testing.T, image v1.Image, dir string) (files []string) {
	t.Helper()
	r := mutate.Extract(image)
	defer func() { _ = r.Close() }()
	modes := map[string]fs.FileMode{}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.Zero(t, h.Mode&0o7222, h.Name)
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		switch h.Typeflag {
		case tar.TypeDir:
			require.NoError(t, os.MkdirAll(path, 0o755))
			modes[path] = h.FileInfo().Mode()
		case tar.TypeReg:
			out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, h.FileInfo().Mode())
			require.NoError(t, err)
			_, err = io.Copy(out, in)
			require.NoError(t, errors.Join(err, out.Close()))
			files = append(files, strings.TrimPrefix(h.Name, "/"))
		default:
			t.Fatalf("%s is neither a file nor a directory", h.Name)
		}
	}
	for path, mode := range modes {
		require.NoError(t, os.Chmod(path, mode)) //nolint:gosec // as the image has it
	}
	require.NoError(t, os.Chmod(dir, 0o555)) //nolint:gosec // as a root file system that is read-only
	t.Cleanup(func() {
		for path := range modes {
			_ = os.Chmod(path, 0o755) //nolint:gosec // so that it can be removed
		}
		_ = os.Chmod(dir, 0o755) //nolint:gosec // so that it can be removed
	})
	return files
}

func authoritiesOf(t *testing.T, file string) {
	t.Helper()
	rest, err := os.ReadFile(file)
	require.NoError(t, err)
	n := 0
	for len(rest) > 0 {
		var b *pem.Block
		b, rest = pem.Decode(rest)
		require.NotNil(t, b)
		c, err := x509.ParseCertificate(b.Bytes)
		require.NoError(t, err)
		require.True(t, c.IsCA)
		n++
	}
	require.Greater(t, n, 80)
}

// billsBySubject gives the content of every bill of materials by the image it is of.
func billsBySubject(t *testing.T) map[v1.Hash][]byte {
	t.Helper()
	_, bills, err := all.entries()
	require.NoError(t, err)
	by := map[v1.Hash][]byte{}
	for _, d := range bills {
		bill, err := all.path.Image(d.Digest)
		require.NoError(t, err)
		m, err := bill.Manifest()
		require.NoError(t, err)
		require.NotNil(t, m.Subject)
		require.Equal(t, spdx, string(m.Config.MediaType))
		require.Len(t, m.Layers, 1)
		content, err := all.path.Bytes(m.Layers[0].Digest)
		require.NoError(t, err)
		by[m.Subject.Digest] = content
	}
	require.Len(t, by, 2*len(apps))
	return by
}

// modulesOf gives the versions of the modules that an SPDX document lists.
func modulesOf(t *testing.T, bill []byte) map[string]string {
	t.Helper()
	var doc struct {
		Version  string `json:"spdxVersion"`
		Packages []struct{ Name, VersionInfo string }
	}
	require.NoError(t, json.Unmarshal(bill, &doc))
	require.Equal(t, "SPDX-2.3", doc.Version)
	versions := map[string]string{}
	for _, p := range doc.Packages {
		versions[p.Name] = p.VersionInfo
	}
	return versions
}

// deployment is the part of a Deployment that says how its containers run.
type deployment struct {
	Spec struct {
		Template struct {
			Spec struct {
				Security struct {
					NonRoot bool `yaml:"runAsNonRoot"`
					User    int  `yaml:"runAsUser"`
					Group   int  `yaml:"runAsGroup"`
				} `yaml:"securityContext"`
				Containers []struct {
					Name, Image string
					Command     []string
					Args        []string
					Security    struct {
						ReadOnly bool  `yaml:"readOnlyRootFilesystem"`
						Escalate *bool `yaml:"allowPrivilegeEscalation"`
					} `yaml:"securityContext"`
				}
			}
		}
	}
}

// The pods run the images as they are made: as their user, with a root file system that is
// read-only, and by their own entry point.
func TestThePodsRunTheImagesAsTheyAreMade(t *testing.T) {
	files := []string{"common/service.yaml", "components/local-providers/users.yaml", "components/local-providers/orders.yaml", "components/local-providers/support.yaml"}
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Join("..", file))
		require.NoError(t, err)
		var d deployment
		require.NoError(t, yaml.Unmarshal(raw, &d))
		pod := d.Spec.Template.Spec
		if file == files[0] {
			require.True(t, pod.Security.NonRoot)
			require.Equal(t, user, fmt.Sprintf("%d:%d", pod.Security.User, pod.Security.Group))
		} else {
			require.Zero(t, pod.Security.User, "%s: all containers run as their image says", file)
		}
		require.NotEmpty(t, pod.Containers, file)
		for _, c := range pod.Containers {
			require.True(t, c.Security.ReadOnly, "%s: %s", file, c.Name)
			require.NotNil(t, c.Security.Escalate, "%s: %s", file, c.Name)
			require.False(t, *c.Security.Escalate, "%s: %s", file, c.Name)
			require.Empty(t, append(c.Command, c.Args...), "%s: %s", file, c.Name)
		}
	}
	require.NoError(t, all.each(func(app, _ string, image v1.Image) error {
		c, err := image.ConfigFile()
		require.NoError(t, err)
		require.Equal(t, user, c.Config.User, app)
		return nil
	}))
}
