package mailroom

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"strings"

	dapr "github.com/dapr/go-sdk/client"

	"tienda/internal/mail"
)

// Binding is the name of the output binding that mail goes out through, of the
// type bindings.smtp.
const Binding = "mail"

// Binder calls output bindings: the sidecar.
type Binder interface {
	InvokeOutputBinding(ctx context.Context, in *dapr.InvokeBindingRequest) error
}

// Mailer implements mail.Mailer. What it has to know of bindings.smtp (1.18):
//
//   - It writes the recipient of a message into what all messages of a sidecar
//     share. Two at once can change recipients: so there must be one at a time,
//     and each names every field that it needs.
//   - It splits emailTo at semicolons: Message.Check refuses them.
//   - It sends HTML only: so the text is sent as HTML that says the same.
type Mailer struct{ sidecar Binder }

// NewMailer gives a mailer through the sidecar.
func NewMailer(sidecar Binder) *Mailer { return &Mailer{sidecar: sidecar} }

// Send implements mail.Mailer. Not for concurrent use. The sender's address is
// the component's.
func (m *Mailer) Send(ctx context.Context, msg mail.Message) error {
	if err := msg.Check(); err != nil {
		return err
	}
	err := m.sidecar.InvokeOutputBinding(ctx, &dapr.InvokeBindingRequest{
		Name: Binding, Operation: "create", Data: []byte(html5(msg)),
		Metadata: map[string]string{"emailTo": msg.To, "subject": msg.Subject},
	})
	switch {
	case err == nil:
		return nil
	case refusal.MatchString(err.Error()):
		return fmt.Errorf("%w: %s", mail.ErrRefused, scrub(err, msg))
	default:
		return fmt.Errorf("mail binding: %s", scrub(err, msg))
	}
}

// refusal is how the binding quotes a server that says no to one message: a
// reply 5xx (RFC 5321).
var refusal = regexp.MustCompile(`could not send email 1: 5\d\d `)

// scrub keeps the address, which servers like to quote, out of the log.
func scrub(err error, msg mail.Message) string {
	return strings.ReplaceAll(err.Error(), msg.To, "<recipient>")
}

// html5 gives the text of a message as HTML: a paragraph each, and a link where
// a paragraph is a URL.
func html5(m mail.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html>\n<html lang=%q>\n<head><meta charset=\"utf-8\"><title>%s</title></head>\n<body>\n",
		m.Language, html.EscapeString(m.Subject))
	for paragraph := range strings.SplitSeq(m.Text, "\n\n") {
		text := html.EscapeString(strings.TrimSpace(paragraph))
		if strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") {
			text = fmt.Sprintf(`<a href="%s">%s</a>`, text, text)
		}
		fmt.Fprintf(&b, "<p>%s</p>\n", text)
	}
	b.WriteString("</body>\n</html>\n")
	return b.String()
}
