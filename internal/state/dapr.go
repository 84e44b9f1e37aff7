package state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync/atomic"

	dapr "github.com/dapr/go-sdk/client"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// sidecarState is the part of the Dapr client that a Store needs.
type sidecarState interface {
	GetState(ctx context.Context, store, key string, meta map[string]string) (*dapr.StateItem, error)
	GetBulkState(ctx context.Context, store string, keys []string, meta map[string]string, parallelism int32) ([]*dapr.BulkStateItem, error)
	SaveBulkState(ctx context.Context, store string, items ...*dapr.SetStateItem) error
	DeleteStateWithETag(ctx context.Context, store, key string, etag *dapr.ETag, meta map[string]string, opts *dapr.StateOptions) error
	ExecuteStateTransaction(ctx context.Context, store string, meta map[string]string, ops []*dapr.StateOperation) error
}

// bulkParallelism is for stores without a bulk read of their own.
const bulkParallelism = 8

type daprStore struct {
	client    sidecarState
	name      string
	absent    absentETag
	witness   atomic.Bool // the witness is there
	unordered atomic.Bool // an answer did not come in the order of its keys
}

// witness is a document that every bulk read asks for as well. The bulk reads of
// state.postgresql and state.sqlite take a connection that breaks on the way for
// the end of the rows, and give what is missing as absent: a checkout was told
// that its cart is empty. Its key is the last in order: where rows come in the
// order of their keys, as in SQLite, all of them have come when it has. Postgres
// mostly gives them as they lie on the disk: once a store is seen to do so, what is
// missing there is asked for key by key, which tells a broken connection (docs/adr/0036).
const witness = "~witness"

var errBroken = errors.New("state: the store's answer is not whole")

// Dapr gives the Store behind a state store component of the sidecar.
func Dapr(client sidecarState, component string) Store {
	return &daprStore{client: client, name: component}
}

func (s *daprStore) Get(ctx context.Context, keys ...string) ([]Item, error) {
	if len(keys) == 1 {
		it, err := s.client.GetState(ctx, s.name, keys[0], nil)
		if err != nil {
			return nil, err
		}
		return []Item{{Key: keys[0], Value: it.Value, ETag: it.Etag}}, nil
	}
	found, err := s.bulk(ctx, keys)
	if status.Code(err) == codes.ResourceExhausted {
		return s.halves(ctx, keys)
	}
	if err != nil {
		return nil, err
	}
	if missing := found.missing(keys); len(missing) > 0 {
		if err := s.confirm(ctx, found, missing); err != nil {
			return nil, err
		}
	}
	items := make([]Item, len(keys))
	for i, k := range keys {
		items[i].Key = k
		if it := found[k]; it != nil {
			items[i].Value, items[i].ETag = it.Value, it.Etag
		}
	}
	return items, nil
}

// halves reads what is more than one answer of the sidecar may have, in two.
func (s *daprStore) halves(ctx context.Context, keys []string) ([]Item, error) {
	first, err := s.Get(ctx, keys[:len(keys)/2]...)
	if err != nil {
		return nil, err
	}
	rest, err := s.Get(ctx, keys[len(keys)/2:]...)
	return append(first, rest...), err
}

// confirm makes sure that what is missing in an answer is absent, and takes into
// found what is not.
func (s *daprStore) confirm(ctx context.Context, found answer, missing []string) error {
	switch {
	case found[witness] == nil && s.witness.Load():
		return errBroken
	case found[witness] == nil:
		made := Op{Key: witness, Value: []byte(`{}`), Blind: true}
		if err := s.client.SaveBulkState(ctx, s.name, setItem(made)); err != nil {
			return err
		}
		s.witness.Store(true)
	case !s.unordered.Load():
		return nil
	case len(missing) <= maxSingly:
		return s.singly(ctx, found, missing)
	}
	again, err := s.bulk(ctx, missing)
	if err != nil {
		return err
	}
	if again[witness] == nil && len(again.missing(missing)) > 0 {
		return errBroken
	}
	maps.Copy(found, again)
	return nil
}

// maxSingly is how many missing documents are asked for one by one. More of them are
// those of a batch that is about to write them, and a write of what is there after all is
// a conflict: a second bulk read will do.
const maxSingly = 16

// singly reads documents one by one, some at a time.
func (s *daprStore) singly(ctx context.Context, found answer, keys []string) error {
	items := make([]*dapr.StateItem, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(bulkParallelism)
	for i, k := range keys {
		group.Go(func() (err error) {
			items[i], err = s.client.GetState(ctx, s.name, k, nil)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for i, k := range keys {
		if it := items[i]; len(it.Value) > 0 {
			found[k] = &dapr.BulkStateItem{Key: k, Value: it.Value, Etag: it.Etag}
		}
	}
	return nil
}

// answer is what a bulk read has found, by key.
type answer map[string]*dapr.BulkStateItem

func (a answer) missing(keys []string) (missing []string) {
	for _, k := range keys {
		if a[k] == nil {
			missing = append(missing, k)
		}
	}
	return missing
}

// bulk reads several documents and the witness.
func (s *daprStore) bulk(ctx context.Context, keys []string) (answer, error) {
	keys = append(slices.Sorted(slices.Values(keys)), witness)
	items, err := s.client.GetBulkState(ctx, s.name, keys, nil, bulkParallelism)
	if err != nil {
		return nil, err
	}
	found := make(answer, len(items))
	last := ""
	for _, it := range items {
		if it.Error != "" {
			return nil, fmt.Errorf("read %s: %s", it.Key, it.Error)
		}
		if len(it.Value) > 0 {
			if it.Key < last {
				s.unordered.Store(true)
			}
			last = it.Key
			found[it.Key] = it
		}
	}
	return found, nil
}

func (s *daprStore) Commit(ctx context.Context, ops ...Op) error {
	ops, err := s.creates(ctx, ops)
	if err != nil {
		return err
	}
	switch {
	case len(ops) == 0:
		return nil
	case len(ops) == 1 && ops[0].Delete:
		return s.client.DeleteStateWithETag(ctx, s.name, ops[0].Key, etag(ops[0]), nil, options(ops[0]))
	case len(ops) == 1:
		return s.client.SaveBulkState(ctx, s.name, setItem(ops[0]))
	}
	batch := make([]*dapr.StateOperation, len(ops))
	for i, op := range ops {
		kind := dapr.StateOperationTypeUpsert
		if op.Delete {
			kind = dapr.StateOperationTypeDelete
		}
		batch[i] = &dapr.StateOperation{Type: kind, Item: setItem(op)}
	}
	return s.client.ExecuteStateTransaction(ctx, s.name, nil, batch)
}

func setItem(op Op) *dapr.SetStateItem {
	it := &dapr.SetStateItem{Key: op.Key, Value: op.Value, Etag: etag(op), Options: options(op)}
	if op.TTL > 0 && !op.Delete {
		// state.sqlite cuts off the fraction of the second in which it writes.
		it.Metadata = map[string]string{"ttlInSeconds": strconv.Itoa(int(math.Ceil(op.TTL.Seconds())) + 1)}
	}
	return it
}

func etag(op Op) *dapr.ETag {
	if op.ETag == "" {
		return nil
	}
	return &dapr.ETag{Value: op.ETag}
}

func options(op Op) *dapr.StateOptions {
	o := &dapr.StateOptions{Concurrency: dapr.StateConcurrencyFirstWrite, Consistency: dapr.StateConsistencyStrong}
	if op.Blind {
		o.Concurrency = dapr.StateConcurrencyLastWrite
	}
	return o
}
