package state

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// publishLane publishes one lane's events in their order until ctx ends.
func (o *outbox) publishLane(ctx context.Context, jobs <-chan job) {
	for {
		select {
		case j := <-jobs:
			if o.publish(ctx, j.event) != nil {
				return // told to stop; its entry stays for the next replica
			}
			j.done()
		case <-ctx.Done():
			return
		}
	}
}

// publish tries until the broker has the event or ctx ends.
func (o *outbox) publish(ctx context.Context, event []byte) error {
	wait := retryFirst
	for {
		err := o.topic.Publish(ctx, event)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		o.log.Warn("outbox: publish failed, trying again", "in", wait, "error", err)
		o.mu.Lock()
		o.stats.Retries++
		o.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
			wait = min(2*wait, retryLongest)
		}
	}
}

// settle publishes the events that documents hold under commits, says how many
// there were, and tells of work that was left unfinished. A commit that a
// document does not hold never happened, or its events are published.
func (o *outbox) settle(ctx context.Context, refs []ref) (int, error) {
	if len(refs) == 0 {
		return 0, nil
	}
	keys := make([]string, len(refs))
	for i, r := range refs {
		keys[i] = r.Key
	}
	items, err := o.db.store.Get(ctx, keys...)
	if err != nil {
		return 0, err
	}
	n := 0
	for i, item := range items {
		var e envelope
		switch {
		case item.ETag == "":
			continue
		case refs[i].Work:
			if o.unfinished != nil {
				if err := o.unfinished(ctx, item.Key); err != nil {
					return n, err
				}
			}
			continue
		}
		if err := json.Unmarshal(item.Value, &e); err != nil {
			return n, fmt.Errorf("state: %s holds no document: %w", item.Key, err)
		}
		for _, event := range e.eventsOf(refs[i].Commit) {
			if err := o.publish(ctx, event); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}
