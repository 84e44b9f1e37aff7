package mailroom

import (
	"context"
	"errors"
	"testing"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"

	"tienda/internal/mail"
)

type binder struct {
	in  *dapr.InvokeBindingRequest
	err error
}

func (b *binder) InvokeOutputBinding(_ context.Context, in *dapr.InvokeBindingRequest) error {
	b.in = in
	return b.err
}

func message() mail.Message {
	return mail.Message{
		To: "ana@example.com", Subject: "Año <nuevo>", Language: "es",
		Text: "Hola & <b>adiós</b>.\n\nhttps://shop.example/a#token=x&y\n\nhttp is a word.",
	}
}

func TestSend(t *testing.T) {
	b := &binder{}
	require.NoError(t, NewMailer(b).Send(t.Context(), message()))
	require.Equal(t, "mail", b.in.Name)
	require.Equal(t, "create", b.in.Operation)
	require.Equal(t, map[string]string{"emailTo": "ana@example.com", "subject": "Año <nuevo>"}, b.in.Metadata)
	require.Equal(t, `<!doctype html>
<html lang="es">
<head><meta charset="utf-8"><title>Año &lt;nuevo&gt;</title></head>
<body>
<p>Hola &amp; &lt;b&gt;adiós&lt;/b&gt;.</p>
<p><a href="https://shop.example/a#token=x&amp;y">https://shop.example/a#token=x&amp;y</a></p>
<p>http is a word.</p>
</body>
</html>
`, string(b.in.Data))
}

func TestABadMessageIsNotSent(t *testing.T) {
	b := &binder{}
	m := message()
	m.To += ";eve@example.com"
	require.Error(t, NewMailer(b).Send(t.Context(), m))
	require.Nil(t, b.in)
}

// The binding's errors are text. What they quote of the recipient is for no log.
func TestErrors(t *testing.T) {
	for text, refused := range map[string]bool{
		"rpc error: code = Internal desc = error invoking output binding mail: error from smtp binding, sending email failed: gomail: could not send email 1: 550 5.1.1 <ana@example.com>: no such user": true,
		"error from smtp binding, sending email failed: gomail: could not send email 1: 451 4.7.1 ana@example.com: greylisted, come back":                                                                false,
		"error from smtp binding, sending email failed: dial tcp 127.0.0.1:1025: connect: connection refused":                                                                                            false,
		"rpc error: code = DeadlineExceeded desc = context deadline exceeded":                                                                                                                            false,
	} {
		err := NewMailer(&binder{err: errors.New(text)}).Send(t.Context(), message())
		require.Error(t, err)
		require.Equal(t, refused, errors.Is(err, mail.ErrRefused), text)
		require.NotContains(t, err.Error(), "ana@example.com")
	}
}
