package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tienda/internal/event"
)

var errBroker = errors.New("simulation: the broker does not answer")

// hearers says which apps hear a topic (dapr/subscriptions.yaml).
var hearers = map[string][]string{"orders": {"catalog", "support"}, "support": {"orders"}}

// published is an event as the broker has it.
type published struct {
	event.Received
	raw   []byte
	label string
}

// topic is an app's topic as one of its processes reaches it.
type topic struct{ from *replica }

// Publish implements state.Topic.
func (t topic) Publish(ctx context.Context, raw []byte) error {
	w := t.from.w
	e := read(raw)
	_, err := ask(ctx, w, t.from, t.from.name+" publishes "+e.label, func(answer func(struct{}, error)) {
		none := struct{}{}
		if w.chance(w.mix.publish) {
			w.fault("publish refused", 0)
			answer(none, errBroker)
			return
		}
		w.accept(e)
		if w.chance(w.mix.publish) {
			w.fault("answer of a publish lost", 0)
			answer(none, errBroker)
			return
		}
		answer(none, nil)
	})
	return err
}

func read(raw []byte) published {
	p := published{raw: raw}
	if err := json.Unmarshal(raw, &p.Received); err != nil {
		panic(err)
	}
	p.label = fmt.Sprintf("%s of %s@%d", p.Type, p.Subject, p.Version)
	return p
}

// accept takes an event for all who hear it.
func (w *world) accept(e published) {
	w.published = append(w.published, e)
	for _, app := range hearers[e.Source] {
		w.queue(e, app, w.upTo(50*time.Millisecond))
		if w.chance(w.mix.twice) {
			w.fault("delivered twice", 0)
			w.queue(e, app, w.upTo(3*time.Second))
		}
	}
}

// queue has an event delivered after a while, again and again until it is
// acknowledged. Others overtake it meanwhile.
func (w *world) queue(e published, app string, in time.Duration) {
	label := "deliver " + e.label + " to " + app
	w.later(&step{label: label, do: func() {
		to := w.alive(app)
		if len(to) == 0 {
			w.queue(e, app, time.Second)
			return
		}
		acked := false
		ctx, cancel := context.WithCancel(context.Background())
		again := func(in time.Duration) {
			if !acked {
				acked = true // or given up: whichever comes first
				cancel()
				w.queue(e, app, in)
			}
		}
		w.later(&step{label: label + " takes too long", do: func() { again(0) }}, 5*time.Second)
		r := request{
			ctx: ctx, label: label, who: e.label, app: app, method: http.MethodPost, path: "/events/" + e.Source,
			header: http.Header{"Content-Type": {event.ContentType}}, body: e.raw,
		}
		w.deliver(to[w.rng.IntN(len(to))], r, func(resp *http.Response, err error) {
			if err != nil || resp.StatusCode/100 != 2 {
				acked = acked || w.bugs.ackFirst
				again(500 * time.Millisecond)
				return
			}
			acked = true
			cancel()
		})
	}}, in)
}
