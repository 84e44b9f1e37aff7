// Package local runs the whole shop of a run file on this machine: it builds
// the apps, starts the broker, the apps and a real Dapr sidecar beside each,
// waits until all of them are healthy, loads the demo data into an empty shop,
// and keeps it running until it is told to stop.
package local

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tienda/cmd/internal/secretsfile"
	"tienda/cmd/tienda/internal/runfile"
	"tienda/cmd/tienda/internal/seed"
	"tienda/cmd/tienda/internal/supervise"
	"tienda/cmd/tienda/internal/ui"
	"tienda/cmd/tienda/internal/view"
	"tienda/internal/daprd"
	"tienda/internal/profile"
)

// The names that the runner knows beforehand; all others it learns from the
// run file.
const (
	broker  = "broker"
	mailbox = "mailbox"
	sandbox = "sandbox" // the payment provider
	gateway = "gateway"
	moving  = "migration"
	store   = "store" // in Listen and Through: the server behind the profile

	// As the component files have them.
	defaultBroker  = "127.0.0.1:4222"
	defaultMailbox = "127.0.0.1:1025"
	defaultSandbox = "127.0.0.1:4280"
)

// Options say what to run and how.
type Options struct {
	RunFile     string         // a Multi-App Run file, or the folder of its dapr.yaml
	With        []string       // further run files, whose apps are started beside those
	Dir         string         // working folder, where .data lies; "": that of the run file's apps
	GatewayPort int            // instead of the run file's; 0: that one
	FreePorts   bool           // every port is a free one, for tests
	Fresh       bool           // start with an empty data folder
	Replicas    map[string]int // app ID to how many; 1 where missing
	Profile     string         // the folder of components/ to use; "": local
	Bin         string         // folder of built apps; "": build them

	// Where the broker and the store listen, and where the sidecars are told to
	// find them instead, by the names "broker" and "store"; for tests that put
	// something in between. Missing ones are chosen.
	Listen, Through map[string]string

	View     bool // a page of what the shop does
	ViewPort int  // its port; 0: the usual one, or a free one

	Race      bool         // build with the race detector
	Demo      fs.FS        // what to load into an empty shop; nil: nothing
	Accounts  []ui.Account // of the demo data, for the table
	ReadyFile string       // where to write State once the shop is up; may be ""
	Screen    *ui.Screen
	Stdout    io.Writer
	Getenv    func(string) string
	Watchdog  *exec.Cmd // runs supervise.Watch on its standard input

	Rolling bool             // stop replicas as a cluster does, and take Roll
	Roll    <-chan os.Signal // replaces every replica; nil: never
}

// shop is a run.
type shop struct {
	o         Options
	mu        sync.Mutex // of apps and taken, which change while replicas are replaced, and of the ready file
	apps      []*instance
	taken     map[string]bool // the names of all replicas that there were
	issuer    string          // where clients reached the shop at its start, host:port; "": nowhere
	brokerURL string
	mailAddr  string          // of the mailbox; "": the run file has none
	payAddr   string          // of the sandbox, likewise
	server    *profile.Server // behind the profile; nil where it has none
	data      string          // absolute
	own       string          // what belongs to the profile only; data for local
	root      string          // where the packages of the run file lie
	tokens    tokens
	daprd     string // the sidecar program
	resources map[string]string
	configs   map[string]string // the sidecars' Configurations, by those of the run file

	view       *view.View // nil: there is none
	supervisor *supervise.Supervisor
	isUp       chan struct{} // closed once everything was ready
	failed     chan error    // a process that keeps ending before that
	changed    chan struct{} // a process has another ID now
	rolling    atomic.Bool   // replicas are being replaced
}

// Run runs the shop until ctx ends, then stops it in order and returns nil. It
// returns an error when the shop cannot come up.
func Run(ctx context.Context, o Options) error {
	err := run(ctx, o)
	if ctx.Err() != nil {
		err = nil // told to stop, perhaps before it was up
	}
	return err
}

func run(ctx context.Context, o Options) error {
	began := time.Now()
	s, unlock, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer unlock()
	w, err := supervise.StartWatchdog(o.Watchdog)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	stopView, err := s.serveView(ctx)
	if err != nil {
		return err
	}
	defer stopView()
	s.supervisor = supervise.New(w, s.observe)
	defer s.stop() //nolint:contextcheck // it begins when ctx has ended
	if err := s.start(ctx); err != nil {
		return err
	}
	close(s.isUp)
	if err := s.seed(ctx); err != nil {
		return err
	}
	if err := s.writeState(); err != nil {
		return err
	}
	_, _ = fmt.Fprint(o.Stdout, s.table(time.Since(began)))
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.o.Roll:
			go s.rolled(ctx)
		case <-s.changed:
			if err := s.writeState(); err != nil {
				o.Screen.Say("%v", err)
			}
		}
	}
}

// prepare does all that can fail before the first process starts.
func prepare(ctx context.Context, o Options) (*shop, func(), error) {
	apps, err := runfile.LoadTogether(append([]string{o.RunFile}, o.With...)...)
	if err != nil {
		return nil, nil, err
	}
	if o.Dir == "" {
		o.Dir = apps[0].Dir
	}
	if o.Profile == "" {
		o.Profile = profile.Local
	}
	if err := runfile.UseProfile(apps, o.Profile); err != nil {
		return nil, nil, err
	}
	if apps, err = withoutIdleBroker(apps); err != nil {
		return nil, nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, nil, fmt.Errorf("working folder: %w", err)
	}
	o.Dir = dir
	s := &shop{
		o: o, data: filepath.Join(dir, ".data"), root: apps[0].Dir,
		isUp: make(chan struct{}), failed: make(chan error, 1), changed: make(chan struct{}, 1),
	}
	s.own = s.data
	if o.Profile != profile.Local {
		s.own = filepath.Join(s.data, o.Profile)
	}
	unlock, err := s.openData()
	if err != nil {
		return nil, nil, err
	}
	if err := s.prepareIn(ctx, apps); err != nil {
		if s.view != nil {
			s.view.Close()
		}
		unlock()
		return nil, nil, err
	}
	return s, unlock, nil
}

func (s *shop) prepareIn(ctx context.Context, apps []runfile.App) error {
	var err error
	if err := secretsfile.EnsureAll(s.data); err != nil {
		return err
	}
	if s.brokerURL, err = s.brokerAddress(apps); err != nil {
		return err
	}
	if s.mailAddr, err = s.mailboxAddress(apps); err != nil {
		return err
	}
	if s.payAddr, err = s.sandboxAddress(apps); err != nil {
		return err
	}
	if s.apps, err = s.plan(apps); err != nil {
		return err
	}
	s.taken = map[string]bool{}
	for _, i := range s.apps {
		s.taken[i.name] = true
		if i.name == gateway { // later gateways have other ports, and tokens one issuer
			s.issuer = loopback(i.port)
		}
	}
	if err := s.openServer(ctx); err != nil {
		return err
	}
	if err := s.checkPorts(ctx); err != nil {
		return err
	}
	if err := s.openView(ctx); err != nil {
		return err
	}
	if s.tokens, err = loadTokens(filepath.Join(s.data, "tokens")); err != nil {
		return err
	}
	if err := s.build(ctx); err != nil {
		return err
	}
	bin, err := daprd.Ensure(ctx, daprd.Options{SourceDir: sidecarSource(s.root), Progress: s.o.Stdout, Getenv: s.o.Getenv})
	if err != nil {
		return err
	}
	s.daprd = bin.Path
	if err := s.openLogs(); err != nil {
		return err
	}
	if err := s.renderConfigs(); err != nil {
		return err
	}
	return s.renderResources()
}

// sidecarSource finds the sidecar's module above or in the apps' folder.
func sidecarSource(dir string) string {
	for at := dir; ; at = filepath.Dir(at) {
		source := filepath.Join(at, "dapr", "daprd")
		if _, err := os.Stat(filepath.Join(source, "go.mod")); err == nil {
			return source
		}
		if at == filepath.Dir(at) {
			return filepath.Join(dir, "dapr", "daprd")
		}
	}
}

func (s *shop) brokerAddress(apps []runfile.App) (string, error) {
	if addr := s.o.Listen[broker]; addr != "" {
		return addr, nil
	}
	addr := s.o.Getenv("TIENDA_BROKER_ADDR")
	for _, a := range apps {
		if own := a.Env["TIENDA_BROKER_ADDR"]; a.ID == broker && addr == "" {
			addr = own
		}
	}
	if addr == "" {
		addr = defaultBroker
	}
	if !s.o.FreePorts {
		return addr, nil
	}
	ports, err := daprd.FreePorts(1)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])), nil
}

// observe tells what happened to a process. A process that ends again and again
// before the shop is up will not get better: that fails the start.
func (s *shop) observe(e supervise.Event) {
	if e.Err == nil {
		if e.Restarts > 0 {
			s.tell(e.Name, fmt.Sprintf("runs again, pid %d", e.PID))
		}
		select {
		case s.changed <- struct{}{}:
		default:
		}
		return
	}
	s.tell(e.Name, fmt.Sprintf("ended (%v), starting it again in %s", e.Err, e.Next))
	select {
	case <-s.isUp:
		return
	default:
	}
	if e.Restarts >= 3 {
		select {
		case s.failed <- fmt.Errorf("%s keeps ending: %s", e.Name, s.why(e.Name)):
		default:
		}
	}
}

// tell says what happened to a process, on the screen and in the view.
func (s *shop) tell(name, what string) {
	s.o.Screen.Say("%s %s", name, what)
	if s.view != nil {
		s.view.Note(name, what)
	}
}

// why gives the last line of a process and where the others are.
func (s *shop) why(name string) string {
	file := filepath.Join(s.data, "logs", name+".log")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.apps {
		l := i.log
		if name == i.sidecarName() {
			l = i.sidecarLog
		} else if name != i.name {
			continue
		}
		if last := l.Last(); last != "" {
			return fmt.Sprintf("%s (all of it: %s)", last, file)
		}
	}
	return "see " + file
}

func (s *shop) seed(ctx context.Context) error {
	marker := filepath.Join(s.own, "seeded")
	if _, err := os.Stat(marker); err == nil || s.o.Demo == nil {
		return nil
	}
	var at *instance
	for _, i := range s.apps {
		if i.app.ID == gateway {
			at = i
		}
	}
	if at == nil {
		return nil
	}
	s.o.Screen.Say("the shop is empty: loading the demo data")
	err := seed.Load(ctx, s.o.Demo, seed.Target{
		Sidecar: fmt.Sprintf("http://127.0.0.1:%d", at.http), Token: s.tokens.Dapr,
		Say: s.o.Screen.Say,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return fmt.Errorf("that the demo data are loaded cannot be noted: %w", err)
	}
	return nil
}
