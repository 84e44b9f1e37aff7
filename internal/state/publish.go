package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// publishMost is how many events go into one call to the broker.
const publishMost = 100

// announce hands the events of documents to the lanes.
func (o *outbox) announce(tx *Tx, e *entry, of func(key string) bool) {
	for i, raw := range e.events {
		if key := tx.events[i].key; of(key) {
			o.lane[laneOf(key)].add(job{key: key, event: raw, done: func() { o.published(e) }})
		}
	}
}

// publishLane publishes one lane's events in their order until ctx ends. Those
// that wait go out together, except that no two of one document do.
func (o *outbox) publishLane(ctx context.Context, l *lane) {
	for {
		batch := l.next(ctx)
		if batch == nil || o.publishBatch(ctx, batch) != nil {
			return // told to stop; their entries stay for the next replica
		}
	}
}

// publishBatch tries until the broker has all events or ctx ends.
func (o *outbox) publishBatch(ctx context.Context, batch []job) (err error) {
	bulk, ok := o.topic.(BulkTopic)
	if !ok || len(batch) == 1 {
		for _, j := range batch {
			of, span := o.producing(ctx, j.event)
			err := o.publish(of, j.event)
			span.EndWith(err)
			if err != nil {
				return err
			}
			o.db.note(j.key, j.event)
			j.done()
		}
		return nil
	}
	ctx, end := o.producingAll(ctx, batch)
	defer func() { end(err) }()
	told := false
	return o.again(ctx, func() error {
		events := make([][]byte, len(batch))
		for i, j := range batch {
			events[i] = j.event
		}
		if err := o.tell(ctx, &told, events...); err != nil {
			return err
		}
		failed, err := bulk.PublishAll(ctx, events)
		var left []job
		for i, j := range batch {
			if slices.Contains(failed, i) {
				left = append(left, j)
			} else {
				o.db.note(j.key, j.event)
				j.done()
			}
		}
		if batch = left; len(left) == 0 {
			return nil
		}
		return errors.Join(errNotAll, err)
	})
}

var errNotAll = errors.New("the broker has not taken all events")

// publish tries until the broker has the event or ctx ends.
func (o *outbox) publish(ctx context.Context, event []byte) error {
	told := false
	return o.again(ctx, func() error {
		if err := o.tell(ctx, &told, event); err != nil {
			return err
		}
		return o.topic.Publish(ctx, event)
	})
}

// tell tells whoever wants to know of events ahead of the topic, until it has
// worked once.
func (o *outbox) tell(ctx context.Context, told *bool, events ...[]byte) error {
	if o.before == nil || *told {
		return nil
	}
	err := o.before(ctx, events)
	*told = err == nil
	return err
}

// again tries to publish until it works or ctx ends.
func (o *outbox) again(ctx context.Context, try func() error) error {
	wait := retryFirst
	for {
		err := try()
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
func (o *outbox) settle(ctx context.Context, refs []ref) (n int, err error) {
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
	var jobs []job
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
			jobs = append(jobs, job{key: item.Key, event: event, done: func() { n++ }})
		}
	}
	for len(jobs) > 0 {
		together := 1
		for together < min(len(jobs), publishMost) && !about(jobs[:together], jobs[together].key) {
			together++
		}
		if err := o.publishBatch(ctx, jobs[:together]); err != nil {
			return n, err
		}
		jobs = jobs[together:]
	}
	return n, nil
}

// about says whether one of the events is about a document.
func about(batch []job, key string) bool {
	return slices.ContainsFunc(batch, func(b job) bool { return b.key == key })
}
