package local

import (
	"path/filepath"
	"strings"

	"tienda/cmd/internal/secretsfile"
	"tienda/cmd/tienda/internal/runfile"
)

// The sandbox is the payment provider of the local shop: an app of the run file
// without a sidecar, like the mailbox. Orders reaches it by the binding payments, and
// it calls back at the gateway.

// sandboxAddress gives where the sandbox listens; "" where the run file has none.
func (s *shop) sandboxAddress(apps []runfile.App) (string, error) {
	return s.serverAddress(apps, sandbox, "TIENDA_SANDBOX_ADDR", defaultSandbox)
}

// sandboxEnv is what the sandbox is told.
func (s *shop) sandboxEnv() []string {
	env := []string{
		"TIENDA_SANDBOX_ADDR=" + s.payAddr, "TIENDA_SANDBOX_LEDGER=" + filepath.Join(s.own, "sandbox", "ledger.ndjson"),
		"TIENDA_SANDBOX_SECRETS=" + filepath.Join(s.data, secretsfile.Payments),
	}
	for _, i := range s.apps {
		if i.name == gateway {
			env = append(env, "TIENDA_SANDBOX_CALLBACKS=http://"+loopback(i.port)+"/v1/payments/callbacks/sandbox")
		}
	}
	return env
}

// movedSandbox says whether the component files name another address than the
// sandbox has.
func (s *shop) movedSandbox() bool { return s.payAddr != "" && s.payAddr != defaultSandbox }

// renderSandbox puts the sandbox's address into a component file that names the
// default one. A file that somebody has pointed at a payment provider stays as it is.
func (s *shop) renderSandbox(text string) string {
	if !s.movedSandbox() {
		return text
	}
	return strings.ReplaceAll(text, "http://"+defaultSandbox, "http://"+s.payAddr)
}
