package event

import (
	"context"
	"strconv"
	"time"

	dapr "github.com/dapr/go-sdk/client"
)

// publishLimit bounds one try to publish.
const publishLimit = 5 * time.Second

// Bus is the part of the Dapr client that publishing needs.
type Bus interface {
	PublishEvent(ctx context.Context, pubsub, topic string, data any, opts ...dapr.PublishEventOption) error
	PublishEvents(ctx context.Context, pubsub, topic string, events []any, opts ...dapr.PublishEventsOption) dapr.PublishEventsResponse
}

// Topic is an app's own topic, named like it.
type Topic struct {
	bus    Bus
	pubsub string
	topic  string
}

// NewTopic gives the topic of an app, on the component "events-<app>".
func NewTopic(bus Bus, app string) *Topic {
	return &Topic{bus: bus, pubsub: "events-" + app, topic: app}
}

// Publish sends an event, a CloudEvent in JSON; nil: the broker has it.
func (t *Topic) Publish(ctx context.Context, event []byte) error {
	ctx, cancel := context.WithTimeout(ctx, publishLimit)
	defer cancel()
	return t.bus.PublishEvent(ctx, t.pubsub, t.topic, event, dapr.PublishEventWithContentType(ContentType))
}

// PublishAll sends events in one call, in no order, and gives the places of
// those that the broker does not have, with a reason. To the sidecar a hundred
// cost little more than a few.
func (t *Topic) PublishAll(ctx context.Context, events [][]byte) (failed []int, err error) {
	ctx, cancel := context.WithTimeout(ctx, publishLimit)
	defer cancel()
	entries := make([]any, len(events))
	for i, e := range events {
		entries[i] = dapr.PublishEventsEvent{EntryID: strconv.Itoa(i), Data: e, ContentType: ContentType}
	}
	r := t.bus.PublishEvents(ctx, t.pubsub, t.topic, entries)
	for _, f := range r.FailedEvents {
		e, ok := f.(dapr.PublishEventsEvent)
		i, err := strconv.Atoi(e.EntryID)
		if !ok || err != nil {
			return all(len(events)), r.Error
		}
		failed = append(failed, i)
	}
	if r.Error != nil && len(failed) == 0 {
		return all(len(events)), r.Error
	}
	return failed, r.Error
}

func all(n int) []int {
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	return places
}
