package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	rediscomponent "github.com/dapr/components-contrib/common/component/redis"
	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/state"
	pgv1 "github.com/dapr/components-contrib/state/postgresql/v1"
	pgv2 "github.com/dapr/components-contrib/state/postgresql/v2"
	stateredis "github.com/dapr/components-contrib/state/redis"
	statesqlite "github.com/dapr/components-contrib/state/sqlite"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/ptr"
)

// page is how many keys are listed at a time.
const page = 10_000

// store is the state store of an app.
type store struct {
	folder, app string

	state state.Store
	redis rediscomponent.RedisClient // asked when documents expire, which the component does not tell; else nil
}

func (s *store) open(ctx context.Context) error {
	c, err := readComponent(ctx, s.folder, s.app+"-state")
	if err != nil {
		return err
	}
	log := logger.NewLogger("statecopy")
	log.SetOutputLevel(logger.WarnLevel)
	switch c.Spec.Type {
	case "state.sqlite":
		s.state = statesqlite.NewSQLiteStateStore(log)
	case "state.redis":
		s.state = stateredis.NewRedisStateStore(log)
	case "state.postgresql":
		if s.state = pgv1.NewPostgreSQLStateStore(log); c.Spec.Version == "v2" {
			s.state = pgv2.NewPostgreSQLStateStore(log)
		}
	default:
		return fmt.Errorf("%s: a store of type %s cannot be copied", c.Name, c.Spec.Type)
	}
	if p := c.properties["keyPrefix"]; p != "" && p != "appid" {
		return fmt.Errorf("%s: keyPrefix %s: only stores with the app's ID before the key can be copied", c.Name, p)
	}
	if err := s.state.Init(ctx, state.Metadata{Base: metadata.Base{Name: c.Name, Properties: c.properties}}); err != nil {
		return fmt.Errorf("%s of %s: %w", c.Name, s.folder, err)
	}
	if c.Spec.Type == "state.redis" {
		s.redis, _, err = rediscomponent.ParseClientFromProperties(c.properties, metadata.StateStoreType, ctx, &log)
	}
	return err
}

func (s *store) close() error {
	var errs []error
	if s.state != nil {
		errs = append(errs, s.state.Close())
	}
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	return errors.Join(errs...)
}

// keys lists all keys of the app, with its prefix.
func (s *store) keys(ctx context.Context, take func([]string) error) error {
	lister, ok := s.state.(state.KeysLiker)
	if !ok {
		return errors.New("the store lists no keys")
	}
	req := &state.KeysLikeRequest{Pattern: s.app + "||%", PageSize: ptr.Of(uint32(page))}
	for {
		resp, err := lister.KeysLike(ctx, req)
		if err != nil {
			return fmt.Errorf("keys: %w", err)
		}
		if err := take(resp.Keys); err != nil {
			return err
		}
		if resp.ContinuationToken == nil {
			return nil
		}
		req.ContinuationToken = resp.ContinuationToken
	}
}

func (s *store) each(ctx context.Context, take func([]doc) error) error {
	return s.keys(ctx, func(keys []string) error {
		for some := range slices.Chunk(keys, batch) {
			there, err := s.read(ctx, some)
			if err != nil {
				return err
			}
			docs := make([]doc, 0, len(some))
			for _, k := range some {
				if d, ok := there[k]; ok {
					docs = append(docs, d)
				}
			}
			if err := take(docs); err != nil {
				return err
			}
		}
		return nil
	})
}

// read gives what is there of some documents, by key. What it does not find in bulk it asks
// for one by one: a bulk read takes a connection that breaks for the end (docs/adr/0036).
func (s *store) read(ctx context.Context, keys []string) (map[string]doc, error) {
	reqs := make([]state.GetRequest, len(keys))
	for i, k := range keys {
		reqs[i] = state.GetRequest{Key: k}
	}
	answers, err := s.state.BulkGet(ctx, reqs, state.BulkGetOpts{Parallelism: 8})
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	found := make(map[string]doc, len(keys))
	for _, a := range answers {
		if a.Error != "" {
			return nil, fmt.Errorf("read %s: %s", a.Key, a.Error)
		}
		if err := s.found(ctx, found, a.Key, a.Data, a.Metadata); err != nil {
			return nil, err
		}
	}
	for _, k := range keys {
		if _, ok := found[k]; ok {
			continue
		}
		a, err := s.state.Get(ctx, &state.GetRequest{Key: k})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", k, err)
		}
		if err := s.found(ctx, found, k, a.Data, a.Metadata); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *store) found(ctx context.Context, into map[string]doc, key string, data []byte, meta map[string]string) error {
	if len(data) == 0 {
		return nil
	}
	d := doc{key: key, value: data}
	if end := meta[state.GetRespMetaKeyTTLExpireTime]; end != "" {
		at, err := time.Parse(time.RFC3339, end)
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		d.expires = at
	}
	if s.redis != nil {
		left, err := s.redis.TTLResult(ctx, key)
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		if left > 0 {
			d.expires = time.Now().Add(left)
		}
	}
	into[key] = d
	return nil
}

// write makes documents what they are in the source, in one transaction.
func (s *store) write(ctx context.Context, docs []doc) error {
	if len(docs) == 0 {
		return nil
	}
	ops := make([]state.TransactionalStateOperation, len(docs))
	for i, d := range docs {
		set := state.SetRequest{Key: d.key, Value: d.value}
		if !d.expires.IsZero() {
			left := max(1, math.Ceil(time.Until(d.expires).Seconds()))
			set.Metadata = map[string]string{"ttlInSeconds": strconv.Itoa(int(left))}
		}
		ops[i] = set
	}
	whole, ok := s.state.(state.TransactionalStore)
	if !ok {
		return errors.New("the store has no transactions")
	}
	if err := whole.Multi(ctx, &state.TransactionalStateRequest{Operations: ops}); err != nil {
		return fmt.Errorf("write %d documents: %w", len(docs), err)
	}
	return nil
}
