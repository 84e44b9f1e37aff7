package profile

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"tienda/internal/daprd"
)

const redisAddr = "127.0.0.1:6379"

// answerTime is how long a server may take to answer a login.
const answerTime = 2 * time.Second

type redis struct{ program string }

func (*redis) defaultAddr() string        { return redisAddr }
func (*redis) stopSignal() syscall.Signal { return syscall.SIGTERM }

func (*redis) answers(ctx context.Context, addr, password string) error {
	conn, err := (&net.Dialer{Timeout: answerTime}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("no Redis answers at %s: %w", addr, err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(answerTime))
	command, want := "PING\r\n", []string{"+PONG"}
	if password != "" {
		command, want = "AUTH "+password+"\r\n"+command, []string{"+OK", "+PONG"}
	}
	if _, err := conn.Write([]byte(command)); err != nil {
		return fmt.Errorf("redis at %s: %w", addr, err)
	}
	lines := bufio.NewScanner(conn)
	for _, w := range want {
		if !lines.Scan() {
			return fmt.Errorf("redis at %s does not answer", addr)
		}
		if got := lines.Text(); got != w {
			return fmt.Errorf("redis at %s answers %s", addr, got)
		}
	}
	return nil
}

func (r *redis) prepare(_ context.Context, s *Server) error {
	var err error
	if r.program, err = exec.LookPath("redis-server"); err != nil {
		return errors.New("redis-server is not on PATH and no Redis answers at " + redisAddr + ": apt-get install redis-server")
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "data"), 0o700); err != nil {
		return fmt.Errorf("folder of redis: %w", err)
	}
	return nil
}

// command hands the configuration over on standard input, so that the password
// is in no list of processes.
func (r *redis) command(s *Server) *exec.Cmd {
	cmd := exec.Command(r.program, "-") //nolint:gosec,noctx // found on PATH; its starter ends it
	cmd.Dir = filepath.Join(s.dir, "data")
	cmd.SysProcAttr = daprd.ChildAttr()
	// With everysec an acknowledged write may wait, unwritten, for as long as an
	// fsync of the second before takes: kill -9 would lose it.
	cmd.Stdin = strings.NewReader(fmt.Sprintf(`bind 127.0.0.1
port %d
requirepass %s
appendonly yes
appendfsync always
save ""
loglevel warning
`, s.Port(), s.Password))
	return cmd
}

func (*redis) render(s *Server, text string) string {
	return strings.NewReplacer(
		"value: "+redisAddr, "value: "+s.Addr,
		"name: redisPassword\n      value: \"\"", fmt.Sprintf("name: redisPassword\n      value: %q", s.Password),
	).Replace(text)
}
