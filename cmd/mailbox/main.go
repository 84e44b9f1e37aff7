// Command mailbox is the mail server of the local shop: it takes whatever is
// sent to it and writes each message into a folder, as a file that every mail
// program opens. It delivers nothing, and is reached from this machine only.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/emersion/go-smtp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// Limits of one message, and of one conversation.
const (
	maxMessage    = 1 << 20 // bytes
	maxRecipients = 50
	timeout       = 30 * time.Second
	stopTime      = time.Second
)

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	or := func(v, fallback string) string {
		if v == "" {
			return fallback
		}
		return v
	}
	fs := flag.NewFlagSet("mailbox", flag.ContinueOnError)
	addr := fs.String("addr", or(getenv("TIENDA_MAILBOX_ADDR"), "127.0.0.1:1025"), "where to listen, on this machine (TIENDA_MAILBOX_ADDR)")
	dir := fs.String("dir", or(getenv("TIENDA_MAILBOX_DIR"), ".data/mail"), "the folder of the messages (TIENDA_MAILBOX_DIR)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(*addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%q is not an address of this machine alone, such as 127.0.0.1:1025", *addr)
	}
	f, err := openFolder(*dir)
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", *addr)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{to: f}, nil }))
	s.Domain, s.MaxMessageBytes, s.MaxRecipients = "localhost", maxMessage, maxRecipients
	s.ReadTimeout, s.WriteTimeout, s.EnableSMTPUTF8 = timeout, timeout, true
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(l) }()
	fmt.Fprintln(stdout, "mailbox ready on", l.Addr(), "keeps mail in", *dir)
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := s.Shutdown(end); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// session is one conversation. Sender and recipients are as the message says.
type session struct{ to *folder }

func (s *session) Mail(string, *smtp.MailOptions) error { return nil }
func (s *session) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (s *session) Reset()                               {}
func (s *session) Logout() error                        { return nil }
func (s *session) Data(r io.Reader) error               { return s.to.keep(r) }
