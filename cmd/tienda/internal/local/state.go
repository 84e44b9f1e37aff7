package local

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"tienda/cmd/tienda/internal/ui"
)

// State is the running shop, for tests and tools. It is written again whenever
// a process is restarted.
type State struct {
	Gateway    string `json:"gateway"` // URL; "" without one
	Broker     string `json:"broker"`  // host:port; "" without one
	Profile    string `json:"profile"`
	Store      string `json:"store"`       // host:port of the profile's server; "" without one
	SecretFile string `json:"secret_file"` // its password, as Dapr's local file store has it; "" without one
	DataDir    string `json:"data_dir"`
	MailDir    string `json:"mail_dir"`    // where the mailbox keeps the messages; "" without one
	Sandbox    string `json:"sandbox"`     // URL of the sandbox payment provider; "" without one
	View       string `json:"view"`        // URL of the local view, with its token; "" without one
	TokensFile string `json:"tokens_file"` // DAPR_API_TOKEN and APP_API_TOKEN, a line each
	RunnerPID  int    `json:"runner_pid"`
	Apps       []App  `json:"apps"`
}

// App is one replica of an app. Ports and process IDs of what it does not have
// are 0.
type App struct {
	AppID       string `json:"app_id"`
	Name        string `json:"name"` // also that of its log file
	PID         int    `json:"pid"`
	Port        int    `json:"port"`
	HTTPPort    int    `json:"sidecar_http_port"`
	GRPCPort    int    `json:"sidecar_grpc_port"`
	MetricsPort int    `json:"sidecar_metrics_port"`
	SidecarPID  int    `json:"sidecar_pid"`
}

func (s *shop) state() State {
	st := State{Profile: s.o.Profile, DataDir: s.data, TokensFile: filepath.Join(s.data, "tokens"), RunnerPID: os.Getpid(), Gateway: s.gatewayURL()}
	if s.server != nil {
		st.Store, st.SecretFile = s.server.Addr, s.server.SecretsFile()
	}
	if s.view != nil {
		st.View = s.view.URL()
	}
	for _, i := range s.apps {
		a := App{AppID: i.app.ID, Name: i.name, PID: i.proc.PID(), Port: i.port, HTTPPort: i.http, GRPCPort: i.grpc, MetricsPort: i.metrics}
		if i.sidecar != nil {
			a.SidecarPID = i.sidecar.PID()
		}
		if i.app.ID == broker {
			st.Broker = s.brokerURL
			a.Port = portOf(s.brokerURL)
		}
		if i.app.ID == mailbox {
			st.MailDir, a.Port = s.mailDir(), portOf(s.mailAddr)
		}
		if i.app.ID == sandbox {
			st.Sandbox, a.Port = "http://"+s.payAddr, portOf(s.payAddr)
		}
		if i.server != nil {
			a.Port = i.server.Port()
		}
		st.Apps = append(st.Apps, a)
	}
	return st
}

func portOf(addr string) int {
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	return n
}

// writeState replaces the ready file at once: a reader never sees half of it.
func (s *shop) writeState() error {
	if s.o.ReadyFile == "" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := json.MarshalIndent(s.state(), "", "  ")
	if err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	tmp := s.o.ReadyFile + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	if err := os.Rename(tmp, s.o.ReadyFile); err != nil {
		return fmt.Errorf("ready file: %w", err)
	}
	return nil
}

func (s *shop) table(took time.Duration) ui.Table {
	st := s.state()
	t := ui.Table{Gateway: st.Gateway, View: st.View, Data: near(s.data), Seconds: took.Seconds(), Accounts: s.o.Accounts}
	if st.MailDir != "" {
		t.Mail = near(st.MailDir)
	}
	if i := slices.IndexFunc(s.apps, func(i *instance) bool { return i.name == moving }); i >= 0 {
		t.Migration, t.Tokens = "http://"+loopback(s.apps[i].port), near(st.TokensFile)
	}
	for _, a := range st.Apps {
		t.Rows = append(t.Rows, ui.Row{App: a.Name, Port: a.Port, PID: a.PID, SidecarHTTP: a.HTTPPort, SidecarGRPC: a.GRPCPort, SidecarPID: a.SidecarPID})
	}
	return t
}

// near gives a path as seen from the working folder, where it is in there.
func near(path string) string {
	if cwd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(cwd, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return path
}

// openLogs gives every process its log, which holds one run.
func (s *shop) openLogs() error {
	for _, i := range s.apps {
		if err := s.openLogsOf(i); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) openLogsOf(i *instance) (err error) {
	open := func(name string, edit func([]byte) ([]byte, bool)) (*ui.Lines, error) {
		f, err := os.Create(filepath.Join(s.data, "logs", name+".log")) //nolint:gosec // in the data folder
		if err != nil {
			return nil, fmt.Errorf("log: %w", err)
		}
		return s.o.Screen.Lines(name, f, edit), nil
	}
	if i.log, err = open(i.name, ui.AppLine); err != nil || !i.hasSidecar() {
		return err
	}
	i.sidecarLog, err = open(i.sidecarName(), ui.SidecarLine)
	return err
}
