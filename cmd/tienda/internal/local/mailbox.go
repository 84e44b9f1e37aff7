package local

import (
	"cmp"
	"context"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tienda/cmd/tienda/internal/runfile"
	"tienda/internal/daprd"
)

// The mailbox is the mail server of the local shop. It is an app of the run file
// without a sidecar, like the broker; what it is sent becomes files.

// mailboxAddress gives where the mailbox listens; "" where the run file has none.
func (s *shop) mailboxAddress(apps []runfile.App) (string, error) {
	return s.serverAddress(apps, mailbox, "TIENDA_MAILBOX_ADDR", defaultMailbox)
}

// serverAddress gives where an app without a sidecar listens; "" where the run file
// has none. name is the variable that says so.
func (s *shop) serverAddress(apps []runfile.App, id, name, otherwise string) (string, error) {
	i := slices.IndexFunc(apps, func(a runfile.App) bool { return a.ID == id })
	if i < 0 {
		return "", nil
	}
	if !s.o.FreePorts {
		return cmp.Or(s.o.Getenv(name), apps[i].Env[name], otherwise), nil
	}
	ports, err := daprd.FreePorts(1)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])), nil
}

// mailDir is where the messages are.
func (s *shop) mailDir() string { return filepath.Join(s.own, "mail") }

// movedMailbox says whether the component files name another address than the
// mailbox has.
func (s *shop) movedMailbox() bool { return s.mailAddr != "" && s.mailAddr != defaultMailbox }

// renderMail puts the mailbox's address into a component file that names the
// default one. A file that somebody has pointed at a mail server stays as it is.
func (s *shop) renderMail(text string) string {
	if !s.movedMailbox() || !strings.Contains(text, "bindings.smtp") {
		return text
	}
	host, port, _ := net.SplitHostPort(defaultMailbox)
	toHost, toPort, _ := net.SplitHostPort(s.mailAddr)
	if !strings.Contains(text, "value: "+host+"\n") || !strings.Contains(text, "value: "+strconv.Quote(port)+"\n") {
		return text
	}
	return strings.NewReplacer("value: "+host+"\n", "value: "+toHost+"\n", "value: "+strconv.Quote(port)+"\n", "value: "+strconv.Quote(toPort)+"\n").Replace(text)
}

// answers says whether something listens at an address.
func answers(ctx context.Context, addr string) bool {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
