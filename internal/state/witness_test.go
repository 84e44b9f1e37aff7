package state

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// brittle answers bulk reads, and those of broken ones as state.postgresql does:
// without an error, and without what had not come yet.
type brittle struct {
	sidecarState
	held   map[string]string
	broken bool
	saves  int
	reads  int
	down   bool
	lies   []string     // the keys as they lie on the disk; nil: answers come in the order of the request
	most   int          // bytes of an answer; 0: any
	short  int          // rows of the answers from now on; 0: all
	singly atomic.Int32 // reads of one document
}

func (s *brittle) GetState(_ context.Context, _, key string, _ map[string]string) (*dapr.StateItem, error) {
	s.singly.Add(1)
	if s.broken {
		return nil, errors.New("the connection broke")
	}
	it := &dapr.StateItem{Key: key}
	if v := s.held[key]; v != "" {
		it.Value, it.Etag = []byte(v), "1"
	}
	return it, nil
}

func (s *brittle) GetBulkState(_ context.Context, _ string, keys []string, _ map[string]string, _ int32) ([]*dapr.BulkStateItem, error) {
	s.reads++
	if s.lies != nil {
		return s.asTheyLie(keys), nil
	}
	out, size := make([]*dapr.BulkStateItem, len(keys)), 0
	for i, k := range keys {
		out[i] = &dapr.BulkStateItem{Key: k}
		if v := s.held[k]; v != "" && !s.broken {
			out[i].Value, out[i].Etag = []byte(v), "1"
			size += len(v)
		}
	}
	if s.most > 0 && size > s.most {
		return nil, fmt.Errorf("error getting state: %w", status.Error(codes.ResourceExhausted, "grpc: received message larger than max"))
	}
	return out, nil
}

// asTheyLie answers as state.postgresql does: first the rows, as they lie on the
// disk, then what was not among them.
func (s *brittle) asTheyLie(keys []string) (out []*dapr.BulkStateItem) {
	asked := slices.Clone(keys)
	for _, k := range s.lies {
		i := slices.Index(asked, k)
		if i < 0 || s.short > 0 && len(out) == s.short {
			continue
		}
		out = append(out, &dapr.BulkStateItem{Key: k, Value: []byte(s.held[k]), Etag: "1"})
		asked = slices.Delete(asked, i, i+1)
	}
	for _, k := range asked {
		out = append(out, &dapr.BulkStateItem{Key: k})
	}
	return out
}

func (s *brittle) SaveBulkState(_ context.Context, _ string, items ...*dapr.SetStateItem) error {
	if s.down {
		return errors.New("down")
	}
	s.saves++
	s.held[items[0].Key] = string(items[0].Value)
	if s.lies != nil {
		s.lies = append(s.lies, items[0].Key)
	}
	return nil
}

func TestBrokenReadIsNoAbsence(t *testing.T) {
	client := &brittle{held: map[string]string{"a": "1"}}
	s := &daprStore{client: client}
	items, err := s.Get(t.Context(), "a", "b")
	require.NoError(t, err)
	require.Equal(t, []Item{{Key: "a", Value: []byte("1"), ETag: "1"}, {Key: "b"}}, items)
	require.Equal(t, 1, client.saves, "the witness is made once")
	_, err = s.Get(t.Context(), "b", "c")
	require.NoError(t, err)
	require.Equal(t, 1, client.saves)

	client.broken = true
	_, err = s.Get(t.Context(), "a", "b")
	require.ErrorIs(t, err, errBroken)

	// A process that finds the store so does not believe it either.
	fresh := &daprStore{client: client}
	_, err = fresh.Get(t.Context(), "a", "b")
	require.ErrorIs(t, err, errBroken)
	client.down = true
	_, err = (&daprStore{client: client}).Get(t.Context(), "a", "b")
	require.ErrorContains(t, err, "down")
	client.broken, client.down = false, false
	_, err = fresh.Get(t.Context(), "a", "b")
	require.NoError(t, err)
}

// Postgres gives rows as they lie on the disk: the witness may have come, and what
// is behind it not.
func TestTheWitnessDoesNotSpeakForWhatLiesBehindIt(t *testing.T) {
	client := &brittle{held: map[string]string{witness: "{}", "a": "1", "b": "2"}, lies: []string{witness, "a", "b"}}
	s := &daprStore{client: client}
	_, err := s.Get(t.Context(), "a", "b")
	require.NoError(t, err)
	require.Equal(t, 1, client.reads, "nothing is missing")

	// Every answer is cut behind the first row, which is the witness.
	client.reads, client.short = 0, 1
	items, err := s.Get(t.Context(), "b", "a")
	require.NoError(t, err)
	require.Equal(t, []Item{{Key: "b", Value: []byte("2"), ETag: "1"}, {Key: "a", Value: []byte("1"), ETag: "1"}}, items)
	require.Equal(t, []int{1, 2}, []int{client.reads, int(client.singly.Load())})
	client.broken = true
	_, err = s.Get(t.Context(), "a", "b")
	require.ErrorContains(t, err, "broke", "a document that cannot be read is not absent")
	client.broken, client.short = false, 0

	items, err = s.Get(t.Context(), "a", "c")
	require.NoError(t, err)
	require.Equal(t, []Item{{Key: "a", Value: []byte("1"), ETag: "1"}, {Key: "c"}}, items, "what is missing twice is absent")

	// Many are asked for in one call.
	client.reads = 0
	client.singly.Store(0)
	many := []string{"a"}
	for n := range maxSingly + 1 {
		many = append(many, fmt.Sprint("new-", n))
	}
	_, err = s.Get(t.Context(), many...)
	require.NoError(t, err)
	require.Equal(t, []int{2, 0}, []int{client.reads, int(client.singly.Load())})

	// Where rows come in the order of their keys, the witness is enough.
	client.lies, client.reads = []string{"a", "b", witness}, 0
	ordered := &daprStore{client: client}
	_, err = ordered.Get(t.Context(), "a", "c")
	require.NoError(t, err)
	require.Equal(t, 1, client.reads)
}

// Documents that are more together than one answer may have come in several.
func TestMoreThanOneAnswerMayHave(t *testing.T) {
	s := &brittle{held: map[string]string{}, most: 25}
	keys := make([]string, 16)
	for i := range keys {
		keys[i] = fmt.Sprintf("k%02d", i)
		if i%3 > 0 {
			s.held[keys[i]] = "0123456789"
		}
	}
	s.held[witness] = "{}"
	items, err := Dapr(s, "x").Get(t.Context(), keys...)
	require.NoError(t, err)
	require.Len(t, items, len(keys))
	for i, it := range items {
		require.Equal(t, keys[i], it.Key)
		require.Equal(t, s.held[it.Key], string(it.Value))
	}
}
