package simulation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"
)

var (
	errUnreached = errors.New("simulation: nobody answers there")
	errBroken    = errors.New("simulation: the connection broke")
)

// request is an HTTP request on its way.
type request struct {
	ctx    context.Context
	label  string
	who    string
	app    string
	method string
	path   string
	header http.Header
	body   []byte
}

type answered func(*http.Response, error)

// visit is a request that a process has taken.
type visit struct {
	over   bool
	answer answered
}

func (v *visit) broken() {
	if !v.over {
		v.over = true
		v.answer(nil, errBroken)
	}
}

// network is how a process reaches the others: its sidecar.
type network struct{ from *replica }

// RoundTrip implements http.RoundTripper.
func (n network) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	h := r.Header.Clone()
	h.Set("Dapr-Caller-App-Id", n.from.app.id)
	return n.from.w.send(n.from, request{
		ctx: r.Context(), who: behind(r.Context()), app: h.Get("Dapr-App-Id"), method: r.Method, path: r.URL.RequestURI(), header: h, body: body,
	})
}

// send takes a request to some replica of an app and waits for the answer.
func (w *world) send(from *replica, r request) (*http.Response, error) {
	sender := "outside"
	if from != nil {
		sender = from.name
	}
	r.label = fmt.Sprintf("%s asks %s %s %s for %s", sender, r.app, r.method, r.path, r.who)
	return ask(r.ctx, w, from, r.label, func(answer func(*http.Response, error)) {
		to := w.alive(r.app)
		if len(to) == 0 || w.chance(w.mix.network) {
			if len(to) > 0 {
				w.fault("request lost", 0)
			}
			answer(nil, errUnreached)
			return
		}
		w.deliver(to[w.rng.IntN(len(to))], r, answer)
		// A sidecar repeats what it is not sure of.
		if from != nil && r.method != http.MethodPost && w.chance(w.mix.repeat) {
			w.fault("request repeated", 0)
			w.deliver(to[w.rng.IntN(len(to))], r, func(*http.Response, error) {})
		}
	})
}

// deliver has a process handle a request.
func (w *world) deliver(to *replica, r request, answer answered) {
	w.park(&step{label: r.label + " arrives at " + to.name, from: to, kept: true, do: func() {
		if to.dead.Load() || to.leaving {
			answer(nil, errUnreached)
			return
		}
		v := &visit{answer: answer}
		to.visits = append(to.visits, v)
		ctx, cancel := context.WithCancel(by(to.ctx, r.who))
		hungUp := context.AfterFunc(r.ctx, cancel)
		go func() {
			defer cancel()
			defer hungUp()
			in, err := http.NewRequestWithContext(ctx, r.method, "http://app"+r.path, bytes.NewReader(r.body))
			if err != nil {
				panic(err)
			}
			in.Header = r.header.Clone()
			out := httptest.NewRecorder()
			to.handler.ServeHTTP(out, in)
			w.park(&step{label: fmt.Sprintf("%s: %s answers %d", r.label, to.name, out.Code), from: to, do: func() { w.left(to, v, out.Result()) }})
		}()
	}})
}

// left has the answer of a process go back.
func (w *world) left(r *replica, v *visit, resp *http.Response) {
	r.visits = slices.DeleteFunc(r.visits, func(x *visit) bool { return x == v })
	if r.leaving && len(r.visits) == 0 && !r.dead.Load() {
		select {
		case <-r.empty:
		default:
			close(r.empty)
		}
	}
	if v.over {
		return
	}
	if w.chance(w.mix.unheard) {
		w.fault("answer lost", 0)
		v.broken()
		return
	}
	v.over = true
	v.answer(resp, nil)
}

// callLimit is how long a client waits.
const callLimit = 12 * time.Second
