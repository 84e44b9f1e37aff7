package clients_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/daprd"
	"tienda/services/orders/internal/clients"
	"tienda/services/orders/internal/payment"
	"tienda/services/orders/internal/payment/paymenttest"
	"tienda/tests/shop"
)

// provider is the real sandbox behind the binding of a real sidecar, with the
// component file that the shop has.
type provider struct {
	*clients.Payments
	start func(t *testing.T)
	kill  func()
}

func openProvider(t *testing.T) *provider {
	t.Helper()
	root, err := shop.Root()
	require.NoError(t, err)
	dir := t.TempDir()
	program := filepath.Join(dir, "sandbox")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/sandbox")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	ports, err := daprd.FreePorts(1)
	require.NoError(t, err)
	addr := fmt.Sprintf("127.0.0.1:%d", ports[0])

	resources := filepath.Join(dir, "components")
	require.NoError(t, os.MkdirAll(resources, 0o750))
	y, err := os.ReadFile(filepath.Join(root, "components", "local", "payments.yaml"))
	require.NoError(t, err)
	require.Contains(t, string(y), "127.0.0.1:4280")
	y = bytes.ReplaceAll(y, []byte("127.0.0.1:4280"), []byte(addr))
	require.NoError(t, os.WriteFile(filepath.Join(resources, "payments.yaml"), y, 0o600))

	p := &provider{}
	var cmd *exec.Cmd
	p.start = func(t *testing.T) {
		t.Helper()
		cmd = exec.CommandContext(context.Background(), program, "-addr", addr, "-ledger", filepath.Join(dir, "ledger.ndjson"), "-secrets", filepath.Join(dir, "none.json"), "-delay", "10s")
		require.NoError(t, daprd.StartChild(cmd))
		require.Eventually(t, func() bool {
			c, err := net.Dial("tcp", addr)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		}, 20*time.Second, 20*time.Millisecond)
	}
	p.kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	p.start(t)
	t.Cleanup(func() { p.kill() })
	side, err := shop.StartSidecar(t.Context(), "orders", dir, resources)
	require.NoError(t, err)
	t.Cleanup(side.Stop)
	p.Payments = clients.NewPayments(side)
	return p
}

func TestTheSandboxPassesTheSuiteThroughTheBinding(t *testing.T) {
	p := openProvider(t)
	paymenttest.Suite(t, p)

	t.Run("a late answer is looked up", func(t *testing.T) {
		key := uuid.NewString() + "-authorise-1"
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := p.Authorise(ctx, key, 700, "EUR", "sandbox_delays")
		require.Error(t, err)
		out, err := p.Lookup(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, payment.Approved, out.Status)
	})
	t.Run("not decided yet", func(t *testing.T) {
		key := uuid.NewString() + "-authorise-1"
		out, err := p.Authorise(t.Context(), key, 700, "EUR", "sandbox_calls_late")
		require.NoError(t, err)
		require.Equal(t, payment.Pending, out.Status)
		require.Eventually(t, func() bool {
			out, err := p.Lookup(t.Context(), key)
			return err == nil && out.Status == payment.Approved
		}, 20*time.Second, 50*time.Millisecond)
	})
	t.Run("killed, it forgets nothing, and away, nothing is known", func(t *testing.T) {
		key, capture := uuid.NewString()+"-authorise-1", uuid.NewString()+"-capture-1"
		held, err := p.Authorise(t.Context(), key, 700, "EUR", "sandbox_approves")
		require.NoError(t, err)
		p.kill()
		_, err = p.Capture(t.Context(), capture, held.Reference, 700, "EUR")
		require.Error(t, err)
		_, err = p.Authorise(t.Context(), uuid.NewString()+"-authorise-1", 700, "EUR", "sandbox_secret_token")
		require.Error(t, err)
		require.False(t, strings.Contains(err.Error(), "secret_token"), "%v", err)
		_, err = p.Lookup(t.Context(), capture)
		require.Error(t, err)
		p.start(t)
		out, err := p.Lookup(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, held, out)
		out, err = p.Capture(t.Context(), capture, held.Reference, 700, "EUR")
		require.NoError(t, err)
		require.Equal(t, payment.Approved, out.Status)
	})
}
