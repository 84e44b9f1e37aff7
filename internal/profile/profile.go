// Package profile finds or starts the server behind a profile of component
// files: Redis or Postgres. A server that answers where the component files say
// is used as it is; otherwise a private one runs in a folder of the shop, on
// loopback, with a password of its own.
package profile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"tienda/internal/daprd"
)

// Local is the profile that needs no server.
const Local = "local"

// Config says which server.
type Config struct {
	Name     string // of the profile: the folder under components/
	Dir      string // absolute; where a private server keeps its data and its password
	Private  bool   // never use a server that is there already
	Password string // of the server that is there already; "": it asks for none
	Addr     string // host:port of a private server; "": a free port
	// Settings of a private Postgres, beside the shop's: "wal_level=logical".
	Settings []string
}

// Server is the server of a profile.
type Server struct {
	Name     string
	Addr     string // host:port
	Password string // "": it asks for none
	Private  bool   // it is to be started with Command

	// StopSignal asks a private server to write what it holds and end.
	StopSignal syscall.Signal

	kind     kind
	dir      string
	settings []string
}

// kind is a sort of server.
type kind interface {
	// defaultAddr is what the component files have.
	defaultAddr() string
	// answers logs in; nil means that the server can be used.
	answers(ctx context.Context, addr, password string) error
	// prepare finds the program, and makes what it needs to start.
	prepare(ctx context.Context, s *Server) error
	command(s *Server) *exec.Cmd
	// render puts the server's address into a component file.
	render(s *Server, text string) string
	stopSignal() syscall.Signal
}

func kindOf(name string) kind {
	switch name {
	case "redis":
		return &redis{}
	case "postgres":
		return &postgres{}
	}
	return nil
}

// Open finds the server of a profile, or prepares a private one that the caller
// has to start. It gives nil for a profile whose servers are not its business.
// It fails when a private one is needed and its program is not installed.
func Open(ctx context.Context, c Config) (*Server, error) {
	k := kindOf(c.Name)
	if k == nil {
		return nil, nil //nolint:nilnil // most profiles have no server; the caller has nothing to do then
	}
	s := &Server{Name: c.Name, Addr: k.defaultAddr(), Password: c.Password, kind: k, dir: c.Dir, settings: c.Settings, StopSignal: k.stopSignal()}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("folder of %s: %w", s.Name, err)
	}
	if !c.Private {
		err := k.answers(ctx, s.Addr, s.Password)
		if err == nil {
			return s, s.writeSecret()
		}
		if c.Password != "" {
			return nil, fmt.Errorf("a password for the %s at %s is given, but: %w", s.Name, s.Addr, err)
		}
	}
	s.Private = true
	if err := s.makePrivate(ctx, c.Addr); err != nil {
		return nil, err
	}
	return s, s.writeSecret()
}

func (s *Server) makePrivate(ctx context.Context, addr string) error {
	var err error
	if s.Addr = addr; addr == "" {
		if s.Addr, err = freeAddr(); err != nil {
			return err
		}
	}
	if s.Password, err = keepPassword(filepath.Join(s.dir, "password")); err != nil {
		return err
	}
	return s.kind.prepare(ctx, s)
}

// Command gives the command of a private server, not started; a fresh one for
// each start. It leads a process group of its own and, on Linux, dies with the
// process that starts it.
func (s *Server) Command() *exec.Cmd { return s.kind.command(s) }

// Ready says whether the server takes work; nil means yes.
func (s *Server) Ready(ctx context.Context) error {
	return s.kind.answers(ctx, s.Addr, s.Password)
}

// Render puts the server's address into the text of a component file.
func (s *Server) Render(text string) string { return s.kind.render(s, text) }

// Port is the port of the address.
func (s *Server) Port() int {
	_, port, _ := net.SplitHostPort(s.Addr)
	n, _ := strconv.Atoi(port)
	return n
}

// SecretsFile is the file of the secret store that the component files name for
// the server's password.
func (s *Server) SecretsFile() string { return filepath.Join(s.dir, "secrets.json") }

func (s *Server) writeSecret() error {
	text := fmt.Sprintf("{%q: %q}\n", s.Name+"-password", s.Password)
	if err := os.WriteFile(s.SecretsFile(), []byte(text), 0o600); err != nil {
		return fmt.Errorf("password of %s: %w", s.Name, err)
	}
	return nil
}

// keepPassword gives the password of a private server, made on its first start.
func keepPassword(path string) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // in the shop's data folder
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("password: %w", err)
	}
	password := rand.Text()
	if err := os.WriteFile(path, []byte(password+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("password: %w", err)
	}
	return password, nil
}

func freeAddr() (string, error) {
	ports, err := daprd.FreePorts(1)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])), nil
}
