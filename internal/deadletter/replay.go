package deadletter

import (
	"bytes"
	"context"
	"net/http"

	"tienda/internal/event"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/trace"
)

// deliverer hands an event to the app on the way that its sidecar takes.
type deliverer struct {
	app   http.Handler
	token string
}

// replay hands a letter's event to the app's own route again: the same
// contract, the same handler, which makes a repeat harmless. It goes on if who
// asked hangs up. State: 1 bulk get, 2 gets, 2 saves, and those of the handler.
func (l *Letters) replay(ctx context.Context, id, by string) error {
	_, v, err := l.get(ctx, id)
	if err != nil {
		return err
	}
	claim, err := l.claim(ctx, id)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	why := l.again(ctx, v)
	if err := l.finish(ctx, id, claim, by, why); err != nil {
		return err
	}
	about := []any{"letter", id, "type", v.Type, "event", v.EventID, "by", by}
	if why != nil {
		l.log.WarnContext(ctx, "replay of a dead letter failed", append(about, "code", why.Code, "detail", why.Detail)...)
		failed := fault.New(fault.Unprocessable, "replay_failed", "The app has refused the event again ("+why.Code+"). The dead letter waits on.")
		failed.Fields = why.Fields
		return failed
	}
	l.replayed.Add(1)
	l.log.InfoContext(ctx, "dead letter replayed", about...)
	return nil
}

// again delivers a letter's event; nil: the app took it.
func (l *Letters) again(ctx context.Context, v letter) *Reason {
	path, hears := l.topics[v.Topic]
	if !hears {
		return &Reason{Code: "no_subscription", Detail: "The app does not hear the topic of this event.", At: l.now()}
	}
	ctx, cancel := context.WithTimeout(ctx, replayTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, path, bytes.NewReader(v.Event))
	if err != nil {
		return &Reason{Code: "internal", At: l.now()}
	}
	r.Header.Set("Content-Type", event.ContentType)
	r.Header.Set(httpapi.HeaderAppToken, l.deliver.token)
	trace.From(ctx).SetHeader(r.Header)
	w := &answer{header: http.Header{}}
	l.deliver.app.ServeHTTP(w, r)
	if w.status/100 == 2 {
		return nil
	}
	return reasonOf(w.status, w.body.Bytes(), ctx.Err() != nil, l.now())
}

// answer keeps what the app answers to a replay.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}
