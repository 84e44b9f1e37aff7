package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Topics are the subjects of the shop's events, one per owning service, with
// <topic>-log for those that no service acts on. A stream must list its
// subjects before the first publish, else each publish fails after 500 ms.
var Topics = []string{"users", "catalog", "orders", "support"}

const (
	keepEvents      = 7 * 24 * time.Hour
	keepDeadLetters = 30 * 24 * time.Hour
	maxBytes        = 512 << 20 // per stream; the oldest go first
)

// streams gives a stream per topic and one per app for its dead letters. Dead
// letters keep their event's ID, and a stream drops an ID it has seen: with the
// topic, or with another app that failed on the same event, they would be lost.
func streams() []jetstream.StreamConfig {
	all := make([]jetstream.StreamConfig, 0, 2*len(Topics))
	for _, t := range Topics {
		all = append(all,
			jetstream.StreamConfig{
				Name: strings.ToUpper(t), Subjects: []string{t, t + "-log"}, Storage: jetstream.FileStorage,
				MaxAge: keepEvents, MaxBytes: maxBytes, Duplicates: 2 * time.Minute,
			},
			jetstream.StreamConfig{
				Name: "DEADLETTER_" + strings.ToUpper(t), Subjects: []string{"deadletter-" + t}, Storage: jetstream.FileStorage,
				// An event that is replayed and fails again must be kept again.
				MaxAge: keepDeadLetters, MaxBytes: maxBytes, Duplicates: time.Second,
			})
	}
	return all
}

func ensureStreams(ctx context.Context, nc *nats.Conn) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("streams: %w", err)
	}
	var errs []error
	for _, s := range streams() {
		if _, err := js.CreateOrUpdateStream(ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("stream %s: %w", s.Name, err))
		}
	}
	return errors.Join(errs...)
}
