package state

import (
	"context"
	"slices"
	"sync"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/google/uuid"
)

// noSuchETag is an ETag that no document has. state.redis takes it to mean that
// the key must not be there, and forgets inside a transaction that a write
// without an ETag means the same: it writes over what another has made. Other
// stores refuse it, and need it not. So each store is asked once which it is.
const noSuchETag = "-1"

type absentETag struct {
	mu    sync.Mutex
	known bool
	etag  string // that a create carries; "": none
}

// creates gives ops with what the store needs to create only where nothing is.
func (s *daprStore) creates(ctx context.Context, ops []Op) ([]Op, error) {
	isCreate := func(op Op) bool { return op.ETag == "" && !op.Delete && !op.Blind }
	if !slices.ContainsFunc(ops, isCreate) {
		return ops, nil
	}
	etag, err := s.absentETag(ctx)
	if err != nil || etag == "" {
		return ops, err
	}
	ops = slices.Clone(ops)
	for i := range ops {
		if isCreate(ops[i]) {
			ops[i].ETag = etag
		}
	}
	return ops, nil
}

// absentETag finds out, with documents of its own, whether the store takes
// noSuchETag for a create. It is asked again only while the store is away. A
// connection that broke looks like a refusal to state.redis: so one refusal
// between two creates that came through does not count yet.
func (s *daprStore) absentETag(ctx context.Context) (string, error) {
	s.absent.mu.Lock()
	defer s.absent.mu.Unlock()
	if s.absent.known {
		return s.absent.etag, nil
	}
	etag := ""
	for range refusals {
		if s.probe(ctx, noSuchETag) == nil {
			etag = noSuchETag
			break
		}
		// Refused, or away: then a plain create does not come through either.
		if err := s.probe(ctx, ""); err != nil {
			return "", err
		}
	}
	s.absent.known, s.absent.etag = true, etag
	return etag, nil
}

// refusals are how often a store must refuse noSuchETag to be believed.
const refusals = 3

// probe creates a document. One that stays is harmless.
func (s *daprStore) probe(ctx context.Context, etag string) error {
	probe := Op{Key: "probe:" + uuid.NewString(), Value: []byte(`{}`), ETag: etag}
	if err := s.client.SaveBulkState(ctx, s.name, setItem(probe)); err != nil {
		return err
	}
	_ = s.client.DeleteStateWithETag(ctx, s.name, probe.Key, nil, nil, &dapr.StateOptions{
		Concurrency: dapr.StateConcurrencyLastWrite, Consistency: dapr.StateConsistencyStrong,
	})
	return nil
}
