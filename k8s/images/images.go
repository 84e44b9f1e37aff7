package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// images are those of a layout: for each app an index of its platforms, and for each of these a
// bill of materials.
type images struct {
	path layout.Path
	tag  string
}

// entries gives the indices and the bills of the layout, in the order of the apps.
func (s images) entries() (indices, bills []v1.Descriptor, err error) {
	all, err := s.path.ImageIndex()
	if err != nil {
		return nil, nil, err
	}
	list, err := all.IndexManifest()
	if err != nil {
		return nil, nil, err
	}
	for _, d := range list.Manifests {
		if d.MediaType.IsIndex() {
			indices = append(indices, d)
		} else {
			bills = append(bills, d)
		}
	}
	return indices, bills, nil
}

func (s images) index(d v1.Descriptor) (v1.ImageIndex, error) {
	all, err := s.path.ImageIndex()
	if err != nil {
		return nil, err
	}
	return all.ImageIndex(d.Digest)
}

// each calls f with every image, app by app.
func (s images) each(f func(app, arch string, image v1.Image) error) error {
	indices, _, err := s.entries()
	if err != nil {
		return err
	}
	for _, d := range indices {
		index, err := s.index(d)
		if err != nil {
			return err
		}
		list, err := index.IndexManifest()
		if err != nil {
			return err
		}
		for _, m := range list.Manifests {
			image, err := index.Image(m.Digest)
			if err != nil {
				return err
			}
			if err := f(d.Annotations[ofApp], m.Platform.Architecture, image); err != nil {
				return fmt.Errorf("%s for %s: %w", d.Annotations[ofApp], m.Platform.Architecture, err)
			}
		}
	}
	return nil
}

// archive writes the images of an architecture into one tar, in the form of docker save, with
// the names that the manifests have.
func (s images) archive(file, architecture string) error {
	named := map[name.Tag]v1.Image{}
	if err := s.each(func(app, arch string, image v1.Image) error {
		if arch != architecture {
			return nil
		}
		tag, err := name.NewTag("tienda/" + app + ":" + s.tag)
		named[tag] = image
		return err
	}); err != nil {
		return err
	}
	if len(named) == 0 {
		return nil // this machine is none that the images are for
	}
	return tarball.MultiWriteToFile(file, named)
}

// size is what has to be transferred and what is on disk, in bytes.
func size(image v1.Image) (packed, unpacked int64, err error) {
	layers, err := image.Layers()
	if err != nil {
		return 0, 0, err
	}
	for _, l := range layers {
		n, err := l.Size()
		if err != nil {
			return 0, 0, err
		}
		packed += n
		r, err := l.Uncompressed()
		if err != nil {
			return 0, 0, err
		}
		n, err = io.Copy(io.Discard, r)
		if err := errors.Join(err, r.Close()); err != nil {
			return 0, 0, err
		}
		unpacked += n
	}
	return packed, unpacked, nil
}

// report prints the images with their sizes.
func (s images) report(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "image\tplatform\tto pull\ton disk\tdigest")
	if err := s.each(func(app, arch string, image v1.Image) error {
		packed, unpacked, err := size(image)
		if err != nil {
			return err
		}
		digest, err := image.Digest()
		_, _ = fmt.Fprintf(w, "tienda/%s:%s\tlinux/%s\t%.1f MB\t%.1f MB\t%s\n", app, s.tag, arch, float64(packed)/1e6, float64(unpacked)/1e6, digest)
		return err
	}); err != nil {
		return err
	}
	return w.Flush()
}

// push writes what is in the layout to a registry, as <to>/<app>:<tag>, and prints what makes an
// overlay use it: a command of kustomize, and the lines that it would write, for kubectl, which
// has no such command. The credentials are those of docker login.
func (s images) push(ctx context.Context, to string, out io.Writer) error {
	indices, bills, err := s.entries()
	if err != nil {
		return err
	}
	with := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	set, lines := "kustomize edit set image", "images:\n"
	for _, d := range indices {
		app := d.Annotations[ofApp]
		tag, err := name.NewTag(to + "/" + app + ":" + s.tag)
		if err != nil {
			return err
		}
		index, err := s.index(d)
		if err != nil {
			return err
		}
		if err := remote.WriteIndex(tag, index, with...); err != nil {
			return fmt.Errorf("push of %s: %w", tag, err)
		}
		set += fmt.Sprintf(" \\\n  tienda/%s=%s/%s@%s", app, to, app, d.Digest)
		lines += fmt.Sprintf("  - {name: tienda/%s, newName: %q, digest: %q}\n", app, to+"/"+app, d.Digest)
	}
	for _, d := range bills {
		digest, err := name.NewDigest(to + "/" + d.Annotations[ofApp] + "@" + d.Digest.String())
		if err != nil {
			return err
		}
		bill, err := s.path.Image(d.Digest)
		if err != nil {
			return err
		}
		if err := remote.Write(digest, bill, with...); err != nil {
			return fmt.Errorf("push of the bill %s: %w", digest, err)
		}
	}
	_, err = fmt.Fprintf(out, "\nPushed. In the folder of an overlay:\n\n%s\n\nor in its kustomization.yaml:\n\n%s", set, lines)
	return err
}
