package event

import (
	"context"
	"time"

	dapr "github.com/dapr/go-sdk/client"
)

// publishLimit bounds one try to publish.
const publishLimit = 5 * time.Second

// Bus is the part of the Dapr client that publishing needs.
type Bus interface {
	PublishEvent(ctx context.Context, pubsub, topic string, data any, opts ...dapr.PublishEventOption) error
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
