package local

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"tienda/internal/profile"
)

// openData makes the data folder, takes it for this run, and empties it if
// wanted. The function it gives lets it go.
func (s *shop) openData() (func(), error) {
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w: make its parent writable, or choose another with -dir", err)
	}
	path := filepath.Join(s.data, "lock")
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // in the folder that the user chose
	if err != nil {
		return nil, fmt.Errorf("the data folder cannot be used: %w: make it writable, or choose another with -dir", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("another run uses %s: stop it first, or choose another folder with -dir", s.data)
	}
	unlock := func() { _ = lock.Close() }
	if err := s.clean(); err != nil {
		unlock()
		return nil, err
	}
	for _, d := range []string{s.o.Profile, "bin", "local", "logs", "run"} {
		if err := os.MkdirAll(filepath.Join(s.data, d), 0o700); err != nil {
			unlock()
			return nil, fmt.Errorf("the data folder cannot be used: %w: make it writable, or choose another with -dir", err)
		}
	}
	return unlock, nil
}

// clean removes what belongs to an earlier run. For a fresh start that is all
// that the profile keeps: the data of another stay.
func (s *shop) clean() error {
	// The names of the last run's sidecars: they would be asked for seconds.
	stale := []string{"run", "broker.ready", "local/names.db", "local/names.db-wal", "local/names.db-shm"}
	if s.o.Fresh {
		kept, err := filepath.Rel(s.data, s.own)
		if err != nil {
			return fmt.Errorf("the data folder: %w", err)
		}
		stale = append(stale, "logs", kept)
		if s.o.Profile == profile.Local {
			stale = append(stale[:len(stale)-1], "local", "nats", "mail", "sandbox", "seeded")
		}
	}
	for _, name := range stale {
		if err := os.RemoveAll(filepath.Join(s.data, name)); err != nil {
			return fmt.Errorf("the data folder cannot be cleaned: %w", err)
		}
	}
	return nil
}

// tokens are how sidecars and apps prove themselves to each other. They are
// fresh in every run and never logged.
type tokens struct {
	Dapr string // DAPR_API_TOKEN: what a sidecar asks of its app
	App  string // APP_API_TOKEN: what an app asks of its sidecar
}

func (t tokens) env() []string {
	return []string{"DAPR_API_TOKEN=" + t.Dapr, "APP_API_TOKEN=" + t.App}
}

// loadTokens makes the tokens of this run and keeps them in a file that only
// its owner can read, for calls by hand: `. .data/tokens`.
func loadTokens(path string) (tokens, error) {
	t := tokens{Dapr: rand.Text(), App: rand.Text()}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, fmt.Errorf("tokens: %w", err)
	}
	if err := os.WriteFile(path, []byte(strings.Join(t.env(), "\n")+"\n"), 0o600); err != nil {
		return t, fmt.Errorf("tokens: %w", err)
	}
	return t, nil
}

// renderResources gives the sidecars the run file's folders, or copies of them
// where the broker, the mailbox, the sandbox or the store is at another address than the
// files say.
func (s *shop) renderResources() error {
	s.resources = map[string]string{}
	for _, i := range s.apps {
		for _, dir := range i.app.ResourcesPaths {
			if _, done := s.resources[dir]; done {
				continue
			}
			s.resources[dir] = dir
			if s.brokerForSidecars() == defaultBroker && !s.movedMailbox() && !s.movedSandbox() && (s.server == nil || !s.server.Private) {
				continue
			}
			to := filepath.Join(s.data, "run", fmt.Sprintf("components-%d", len(s.resources)))
			if err := s.render(dir, to); err != nil {
				return fmt.Errorf("component files: %w", err)
			}
			s.resources[dir] = to
		}
	}
	return nil
}

func (s *shop) render(from, to string) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(from, "*.y*ml"))
	if err != nil {
		return err
	}
	server := s.serverForSidecars()
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // of the folders that the run file names
		if err != nil {
			return err
		}
		text := s.renderSandbox(s.renderMail(strings.ReplaceAll(string(b), "nats://"+defaultBroker, "nats://"+s.brokerForSidecars())))
		if server != nil {
			text = server.Render(text)
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(f)), []byte(text), 0o600); err != nil { //nolint:gosec // in the data folder, under the name it had
			return err
		}
	}
	return nil
}

// brokerForSidecars is where the component files say that the broker is.
func (s *shop) brokerForSidecars() string { return cmp.Or(s.o.Through[broker], s.brokerURL) }

// serverForSidecars is the private server as the component files name it; nil
// without one.
func (s *shop) serverForSidecars() *profile.Server {
	if s.server == nil || !s.server.Private {
		return nil
	}
	as := *s.server
	as.Addr = cmp.Or(s.o.Through[store], as.Addr)
	return &as
}
