package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
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

// Topic is an app's own topic, named like it. Types whose contract names another
// topic ("x-topic" of their schema) go there.
type Topic struct {
	bus    Bus
	pubsub string
	topic  string
	other  map[string]string // by type
}

// NewTopic gives the topic of an app, on the component "events-<app>", with the
// contracts of its events.
func NewTopic(bus Bus, app string, contracts fs.FS) (*Topic, error) {
	t := &Topic{bus: bus, pubsub: "events-" + app, topic: app, other: map[string]string{}}
	files, err := fs.Glob(contracts, "events/tienda."+app+".*.schema.json")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		raw, err := fs.ReadFile(contracts, file)
		if err != nil {
			return nil, err
		}
		var schema struct {
			Title string `json:"title"`
			Topic string `json:"x-topic"`
		}
		if err := json.Unmarshal(raw, &schema); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if schema.Topic != "" {
			t.other[schema.Title] = schema.Topic
		}
	}
	return t, nil
}

// of says to which topic an event goes.
func (t *Topic) of(event []byte) string {
	var e struct {
		Type string `json:"type"`
	}
	if len(t.other) > 0 && json.Unmarshal(event, &e) == nil && t.other[e.Type] != "" {
		return t.other[e.Type]
	}
	return t.topic
}

// Publish sends an event, a CloudEvent in JSON; nil: the broker has it.
func (t *Topic) Publish(ctx context.Context, event []byte) error {
	ctx, cancel := context.WithTimeout(ctx, publishLimit)
	defer cancel()
	return t.bus.PublishEvent(ctx, t.pubsub, t.of(event), event, dapr.PublishEventWithContentType(ContentType))
}

// PublishAll sends events in a call for each topic, in no order, and gives the
// places of those that the broker does not have, with a reason. To the sidecar a
// hundred cost little more than a few.
func (t *Topic) PublishAll(ctx context.Context, events [][]byte) (failed []int, err error) {
	ctx, cancel := context.WithTimeout(ctx, publishLimit)
	defer cancel()
	places := map[string][]int{}
	for i, e := range events {
		topic := t.of(e)
		places[topic] = append(places[topic], i)
	}
	var errs []error
	for topic, at := range places {
		left, err := t.publishTo(ctx, topic, events, at)
		failed, errs = append(failed, left...), append(errs, err)
	}
	slices.Sort(failed)
	return failed, errors.Join(errs...)
}

// publishTo sends the events at some places to one topic.
func (t *Topic) publishTo(ctx context.Context, topic string, events [][]byte, at []int) (failed []int, err error) {
	entries := make([]any, len(at))
	for n, i := range at {
		entries[n] = dapr.PublishEventsEvent{EntryID: strconv.Itoa(i), Data: events[i], ContentType: ContentType}
	}
	r := t.bus.PublishEvents(ctx, t.pubsub, topic, entries)
	for _, f := range r.FailedEvents {
		e, ok := f.(dapr.PublishEventsEvent)
		i, err := strconv.Atoi(e.EntryID)
		if !ok || err != nil {
			return at, r.Error
		}
		failed = append(failed, i)
	}
	if r.Error != nil && len(failed) == 0 {
		return at, r.Error
	}
	return failed, r.Error
}
