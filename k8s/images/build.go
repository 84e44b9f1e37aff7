package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/debug"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	ko "github.com/google/ko/pkg/build"
	"github.com/sigstore/cosign/v2/pkg/oci"
)

// app is a program that gets an image: tienda/<name>.
type app struct{ name, path, about string }

// apps are all that the manifests of k8s/ name.
var apps = []app{
	{"gateway", "tienda/services/gateway", "Tienda's public door: tokens, limits, routes"},
	{"users", "tienda/services/users", "Tienda's accounts and sign-in"},
	{"catalog", "tienda/services/catalog", "Tienda's products, prices and stock"},
	{"orders", "tienda/services/orders", "Tienda's carts, checkout and orders"},
	{"support", "tienda/services/support", "Tienda's tickets and returns"},
	{"migration", "tienda/services/migration", "The move of a monolith into Tienda"},
	{"mailbox", "tienda/cmd/mailbox", "A mail server for development that keeps what it gets"},
	{"sandbox", "tienda/cmd/sandbox", "A payment provider for development that moves no money"},
}

// origin is what the labels say of the sources.
type origin struct {
	revision        string    // the commit
	version, source string    // "": not said
	at              time.Time // of the commit; the images' time too
}

func (o origin) tag() string {
	if o.version != "" {
		return o.version
	}
	return "latest"
}

func (o origin) labels(a app) map[string]string {
	l := map[string]string{
		"org.opencontainers.image.title":       "tienda/" + a.name,
		"org.opencontainers.image.description": a.about,
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.revision":    o.revision,
		"org.opencontainers.image.created":     o.at.Format(time.RFC3339),
		"org.opencontainers.image.version":     o.revision,
	}
	if o.version != "" {
		l["org.opencontainers.image.version"] = o.version
	}
	if o.source != "" {
		l["org.opencontainers.image.source"] = o.source
	}
	return l
}

// build compiles the apps of the sources in root and writes their images into an OCI layout
// at dir, in place of what was there. Sources, version of Go and origin decide every byte of
// an image. Cold it takes minutes of processor time, warm about two seconds for each app.
func build(ctx context.Context, root, dir string, from origin, apps []app, progress io.Writer) (images, error) {
	log.SetOutput(io.Discard) // ko tells of every clone that it is not tagged; failures are errors
	bottom, err := base()
	if err != nil {
		return images{}, err
	}
	// What was there may be another's only if it is a layout, too.
	if _, err := layout.FromPath(dir); err == nil {
		if err := os.RemoveAll(dir); err != nil {
			return images{}, fmt.Errorf("images of before: %w", err)
		}
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return images{}, fmt.Errorf("layout: %w", err)
	}
	// No registry has the base, and ko wants a name for it.
	named, err := name.ParseReference("tienda.invalid/base")
	if err != nil {
		return images{}, err
	}
	for _, a := range apps {
		_, _ = fmt.Fprintf(progress, "building tienda/%s\n", a.name)
		if err := buildOne(ctx, root, path, from, a, named, bottom); err != nil {
			return images{}, fmt.Errorf("image of %s: %w", a.name, err)
		}
	}
	return images{path: path, tag: from.tag()}, nil
}

func buildOne(ctx context.Context, root string, to layout.Path, from origin, a app, named name.Reference, bottom v1.ImageIndex) error {
	options := []ko.Option{
		ko.WithBaseImages(func(context.Context, string) (name.Reference, ko.Result, error) { return named, bottom, nil }),
		ko.WithPlatforms("linux/amd64", "linux/arm64"),
		ko.WithCreationTime(v1.Time{Time: from.at}),
		ko.WithTrimpath(true),
		// A stamp of the commit would give every image a new layer with every commit: the
		// label has it. A user's own settings change nothing.
		ko.WithConfig(map[string]ko.Config{a.path: {
			Env:     []string{"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT="},
			Flags:   []string{"-buildvcs=false"},
			Ldflags: []string{"-s", "-w"},
		}}),
		ko.WithSPDX(koVersion()),
	}
	for k, v := range from.labels(a) {
		options = append(options, ko.WithLabel(k, v))
	}
	builder, err := ko.NewGo(ctx, root, options...)
	if err != nil {
		return err
	}
	made, err := builder.Build(ctx, "ko://"+a.path)
	if err != nil {
		return err
	}
	index, ok := made.(oci.SignedImageIndex)
	if !ok {
		return fmt.Errorf("ko made a %T of several platforms", made)
	}
	if err := to.AppendIndex(index, layout.WithAnnotations(map[string]string{
		ofApp: a.name, "org.opencontainers.image.ref.name": "tienda/" + a.name + ":" + from.tag(),
	})); err != nil {
		return err
	}
	all, err := index.IndexManifest()
	if err != nil {
		return err
	}
	for _, d := range all.Manifests {
		bill, err := billOf(index, d)
		if err != nil {
			return err
		}
		if err := to.AppendImage(bill, layout.WithAnnotations(map[string]string{ofApp: a.name})); err != nil {
			return err
		}
	}
	return nil
}

// ofApp is the annotation of an entry of the layout that says whose it is.
const ofApp = "tienda.dev/app"

// spdx is the type of a bill of materials.
const spdx = "application/spdx+json"

// billOf gives the bill of materials of an image as an artifact that refers to it, which is
// how registries keep such (OCI 1.1, referrers).
func billOf(index oci.SignedImageIndex, d v1.Descriptor) (v1.Image, error) {
	image, err := index.SignedImage(d.Digest)
	if err != nil {
		return nil, err
	}
	file, err := image.Attachment("sbom")
	if err != nil {
		return nil, fmt.Errorf("bill of materials: %w", err)
	}
	content, err := file.Payload()
	if err != nil {
		return nil, fmt.Errorf("bill of materials: %w", err)
	}
	bill := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), spdx)
	bill, err = mutate.AppendLayers(bill, static.NewLayer(content, spdx))
	if err != nil {
		return nil, fmt.Errorf("bill of materials: %w", err)
	}
	referring, ok := mutate.Subject(bill, v1.Descriptor{MediaType: d.MediaType, Size: d.Size, Digest: d.Digest}).(v1.Image)
	if !ok {
		return nil, errors.New("bill of materials: it is no image any more")
	}
	return referring, nil
}

// koVersion is for the bills, which name the tool that wrote them.
func koVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/google/ko" {
				return m.Version
			}
		}
	}
	return "unknown"
}
