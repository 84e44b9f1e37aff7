package main

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"
)

// What is built is what a registry has after a push: every platform under the tag, its bill of
// materials among what refers to it, and a command that names all by digest.
func TestPush(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	defer server.Close()
	to := strings.TrimPrefix(server.URL, "http://") + "/tienda"
	var said bytes.Buffer
	require.NoError(t, all.push(t.Context(), to, &said))

	bills, use := billsBySubject(t), map[string]string{}
	require.NoError(t, all.each(func(app, arch string, image v1.Image) error {
		want, err := image.Digest()
		require.NoError(t, err)
		tag, err := name.NewTag(to + "/" + app + ":1.2.3")
		require.NoError(t, err)
		got, err := remote.Image(tag, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: arch}))
		require.NoError(t, err)
		digest, err := got.Digest()
		require.NoError(t, err)
		require.Equal(t, want, digest)

		referring, err := remote.Referrers(tag.Context().Digest(want.String()))
		require.NoError(t, err)
		list, err := referring.IndexManifest()
		require.NoError(t, err)
		require.Len(t, list.Manifests, 1)
		require.Equal(t, spdx, list.Manifests[0].ArtifactType)
		bill, err := remote.Image(tag.Context().Digest(list.Manifests[0].Digest.String()))
		require.NoError(t, err)
		layers, err := bill.Layers()
		require.NoError(t, err)
		r, err := layers[0].Uncompressed()
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Equal(t, bills[want], content)

		index, err := remote.Head(tag)
		require.NoError(t, err)
		require.Contains(t, said.String(), "tienda/"+app+"="+to+"/"+app+"@"+index.Digest.String())
		use[app] = index.Digest.String()
		return nil
	}))
	_, lines, _ := strings.Cut(said.String(), "kustomization.yaml:\n")
	var overlay struct {
		Images []struct {
			Name, Digest string
			NewName      string `yaml:"newName"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(lines), &overlay))
	require.Len(t, overlay.Images, len(apps))
	for _, i := range overlay.Images {
		app := strings.TrimPrefix(i.Name, "tienda/")
		require.Equal(t, to+"/"+app, i.NewName)
		require.Equal(t, use[app], i.Digest)
	}
}

// The archive for a cluster on this machine has the images under the names of the manifests.
func TestArchive(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tienda.tar")
	require.NoError(t, all.archive(file, "arm64"))
	require.NoError(t, all.each(func(app, arch string, image v1.Image) error {
		if arch != "arm64" {
			return nil
		}
		tag, err := name.NewTag("tienda/" + app + ":1.2.3")
		require.NoError(t, err)
		got, err := tarball.ImageFromPath(file, &tag)
		require.NoError(t, err)
		want, err := image.ConfigName()
		require.NoError(t, err)
		config, err := got.ConfigName()
		require.NoError(t, err)
		require.Equal(t, want, config, app)
		return nil
	}))
}

// The same sources in another folder make the same images to the byte; another commit makes
// others, over the same layers.
func TestTheSameSourcesMakeTheSameImages(t *testing.T) {
	some := []app{apps[5], apps[6]}
	elsewhere := sources(t)
	digests := func(s images) map[string]v1.Hash {
		indices, _, err := s.entries()
		require.NoError(t, err)
		by := map[string]v1.Hash{}
		for _, d := range indices {
			by[d.Annotations[ofApp]] = d.Digest
		}
		return by
	}
	layers := func(s images) map[string][]v1.Hash {
		by := map[string][]v1.Hash{}
		require.NoError(t, s.each(func(app, arch string, image v1.Image) error {
			m, err := image.Manifest()
			for _, l := range m.Layers {
				by[app+" "+arch] = append(by[app+" "+arch], l.Digest)
			}
			return err
		}))
		return by
	}
	again, err := build(t.Context(), elsewhere, filepath.Join(t.TempDir(), "layout"), from, some, io.Discard)
	require.NoError(t, err)
	for app, digest := range digests(again) {
		require.Equal(t, digests(all)[app], digest, app)
	}
	next := from
	next.revision = "fedcba9876543210"
	later, err := build(t.Context(), elsewhere, filepath.Join(t.TempDir(), "layout"), next, some[1:], io.Discard)
	require.NoError(t, err)
	require.NotEqual(t, digests(all)["mailbox"], digests(later)["mailbox"])
	for of, l := range layers(later) {
		require.Equal(t, layers(all)[of], l, of)
	}
}

// sources copies what git knows, or would, of the sources to another folder.
func sources(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	dir := t.TempDir()
	for file := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		raw, err := os.ReadFile(filepath.Join(root, file))
		if os.IsNotExist(err) {
			continue // removed, and git does not know it yet
		}
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o750))
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), raw, 0o600))
	}
	return dir
}
