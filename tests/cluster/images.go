//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"tienda/internal/daprd"
)

// No registry can be asked here: what others than the shop run is put into images under the
// names that charts and manifests have, from programs that were built and from Debian's.
const (
	daprVersion   = daprd.Version
	pauseImage    = "tienda.test/pause:1"
	nginxImage    = "tienda.test/nginx:1"
	headersModule = "/usr/lib/nginx/modules/ngx_http_headers_more_filter_module.so"
	nonroot       = "65532:65532"
)

// image is one of one layer.
type image struct {
	name       string
	user       string
	entrypoint []string
	folder     string // where it starts
	files      *layer
}

// layer collects files.
type layer struct {
	tar  bytes.Buffer
	w    *tar.Writer
	have map[string]bool
	err  error
}

func newLayer() *layer {
	l := &layer{have: map[string]bool{}}
	l.w = tar.NewWriter(&l.tar)
	l.text("/etc/passwd", "root:x:0:0:root:/:/nowhere\nnonroot:x:65532:65532:nonroot:/:/nowhere\npostgres:x:70:70:postgres:/:/nowhere\nnginx:x:101:101:nginx:/:/nowhere\nredis:x:999:999:redis:/:/nowhere\n", 0o644)
	l.text("/etc/group", "root:x:0:\nnonroot:x:65532:\npostgres:x:70:\nnginx:x:101:\nredis:x:999:\n", 0o644)
	return l
}

func (l *layer) header(h tar.Header) {
	if l.err == nil {
		h.Name = strings.TrimPrefix(h.Name, "/")
		h.Format = tar.FormatGNU
		l.err = l.w.WriteHeader(&h)
	}
}

func (l *layer) text(name, content string, mode int64) {
	l.header(tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode, Size: int64(len(content))})
	if l.err == nil {
		_, l.err = io.WriteString(l.w, content)
	}
}

// folder is one that whoever runs may write into.
func (l *layer) folder(name string) {
	l.header(tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: 0o1777})
}

// file takes a file of this machine, under another name or, where as is "", its own.
func (l *layer) file(path, as string) {
	if as == "" {
		as = path
	}
	if l.err != nil || l.have[as] {
		return
	}
	l.have[as] = true
	f, err := os.Open(path) //nolint:gosec // programs of this machine
	if err != nil {
		l.err = err
		return
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		l.err = err
		return
	}
	l.header(tar.Header{Name: as, Typeflag: tar.TypeReg, Mode: int64(info.Mode().Perm() | 0o444), Size: info.Size()})
	if l.err == nil {
		_, l.err = io.Copy(l.w, f)
	}
}

// tree takes a folder of this machine.
func (l *layer) tree(dir string) {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if real, err := filepath.EvalSymlinks(path); err == nil { // what leads nowhere is left out
				l.file(real, path)
			}
		}
		return err
	})
	if l.err == nil {
		l.err = err
	}
}

// program takes a program of this machine with the libraries that it needs.
func (l *layer) program(path string) {
	l.file(path, "")
	out, err := exec.Command("ldd", path).Output() //nolint:gosec,noctx // a program of this machine; at once
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("ldd %s: %w", path, err)
	}
	for line := range strings.Lines(string(out)) {
		if _, rest, ok := strings.Cut(line, "=> "); ok {
			line = rest
		}
		lib, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		if filepath.IsAbs(lib) {
			l.file(lib, "")
		}
	}
}

// others writes all images that are not the shop's into an archive in a folder, in the form of
// docker save.
func others(p *programs, dir string) error {
	static := newLayer()
	static.file(p.pause, "/pause")
	dapr := newLayer()
	dapr.file(p.dapr, "/daprd")
	// In the place of the authorities that the official image has, and that have signed the
	// certificates of managed stores.
	a, err := openAuthority(dir, dir)
	if err != nil {
		return err
	}
	dapr.text("/etc/ssl/certs/ca-certificates.crt", string(a.pem()), 0o644)
	for _, name := range []string{"injector", "operator", "sentry"} {
		dapr.header(tar.Header{Name: name, Typeflag: tar.TypeLink, Linkname: "daprd", Mode: 0o755})
	}
	redis := newLayer()
	redis.shell()
	redis.program("/usr/bin/redis-server")
	redis.program("/usr/bin/redis-cli")
	nginx := newLayer()
	nginx.shell()
	nginx.program("/usr/sbin/nginx")
	nginx.program(headersModule)
	all := []image{
		{name: pauseImage, user: nonroot, entrypoint: []string{"/pause"}, files: static},
		{name: nginxImage, user: "101:101", files: nginx},
		{name: "redis:7.4-alpine", user: "999:999", folder: "/data", files: redis},
		{name: "postgres:15-alpine", user: "70:70", entrypoint: []string{"/bin/sh", "/entry.sh"}, files: postgres()},
	}
	for _, name := range []string{"daprd", "injector", "operator", "sentry"} {
		all = append(all, image{name: "ghcr.io/dapr/" + name + ":" + daprVersion, user: nonroot, entrypoint: []string{"/" + name}, files: dapr})
	}
	f, err := os.Create(filepath.Join(dir, "others.tar")) //nolint:gosec // in the folder of the run
	if err != nil {
		return err
	}
	err = save(f, all)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (l *layer) shell() {
	l.program("/bin/dash")
	l.file("/bin/dash", "/bin/sh")
	for _, name := range []string{"grep", "sed", "cat", "mkdir", "chmod", "rm"} {
		l.program("/bin/" + name)
	}
	l.folder("/tmp")
}

// postgres is Debian's with what the official image does before it starts.
func postgres() *layer {
	l := newLayer()
	l.shell()
	const base = "/usr/lib/postgresql/15"
	for _, name := range []string{"postgres", "initdb", "pg_isready", "psql"} {
		l.program(base + "/bin/" + name)
	}
	l.tree(base + "/lib")
	l.tree("/usr/share/postgresql/15")
	l.file("/usr/share/zoneinfo/Etc/UTC", "/usr/share/zoneinfo/UTC")
	l.text("/entry.sh", `set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  echo "$POSTGRES_PASSWORD" >/tmp/password
  initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile=/tmp/password --no-locale -E UTF8 $POSTGRES_INITDB_ARGS
  rm /tmp/password
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  echo "CREATE DATABASE $POSTGRES_DB" | postgres --single -D "$PGDATA" postgres
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' "$@"
`, 0o755)
	return l
}

// save writes images as docker save does.
func save(out io.Writer, all []image) error {
	w := tar.NewWriter(out)
	put := func(name string, content []byte) error {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	type entry struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var index []entry
	written := map[*layer]string{} // digests
	for _, i := range all {
		digest, there := written[i.files]
		if !there {
			if i.files.err == nil {
				i.files.err = i.files.w.Close()
			}
			if i.files.err != nil {
				return fmt.Errorf("image %s: %w", i.name, i.files.err)
			}
			sum := sha256.Sum256(i.files.tar.Bytes())
			digest = hex.EncodeToString(sum[:])
			written[i.files] = digest
			if err := put(digest+".tar", i.files.tar.Bytes()); err != nil {
				return err
			}
		}
		config, err := json.Marshal(map[string]any{
			"architecture": runtime.GOARCH, "os": "linux", "rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest}},
			"config": map[string]any{"User": i.user, "Entrypoint": i.entrypoint, "WorkingDir": i.folder,
				"Env": []string{"PATH=/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/bin"}},
		})
		if err != nil {
			return err
		}
		sum := sha256.Sum256(config)
		name := hex.EncodeToString(sum[:]) + ".json"
		if err := put(name, config); err != nil {
			return err
		}
		index = append(index, entry{name, []string{i.name}, []string{digest + ".tar"}})
	}
	raw, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := put("manifest.json", raw); err != nil {
		return err
	}
	return w.Close()
}
