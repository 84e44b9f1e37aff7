package state

import (
	"context"
	"errors"
	"testing"

	dapr "github.com/dapr/go-sdk/client"
	"github.com/stretchr/testify/require"
)

// kindOfStore answers creates as a kind of store does, or breaks.
type kindOfStore struct {
	sidecarState
	takesIt bool // noSuchETag, as Redis does
	breaks  []bool
}

func (s *kindOfStore) SaveBulkState(_ context.Context, _ string, items ...*dapr.SetStateItem) error {
	broken := len(s.breaks) > 0 && s.breaks[0]
	if len(s.breaks) > 0 {
		s.breaks = s.breaks[1:]
	}
	if broken || items[0].Etag != nil && !s.takesIt {
		return errors.New("refused, or broken: state.redis does not tell")
	}
	return nil
}

func (*kindOfStore) DeleteStateWithETag(context.Context, string, string, *dapr.ETag, map[string]string, *dapr.StateOptions) error {
	return nil
}

func TestWhichKindOfStoreItIs(t *testing.T) {
	for name, c := range map[string]struct {
		store *kindOfStore
		want  string
		fails bool
	}{
		"Redis":                              {&kindOfStore{takesIt: true}, noSuchETag, false},
		"others":                             {&kindOfStore{}, "", false},
		"away":                               {&kindOfStore{breaks: []bool{true, true}}, "", true},
		"Redis, whose connection broke once": {&kindOfStore{takesIt: true, breaks: []bool{true}}, noSuchETag, false},
		"Redis, whose connections break":     {&kindOfStore{takesIt: true, breaks: []bool{true, false, true}}, noSuchETag, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := &daprStore{client: c.store}
			got, err := s.absentETag(t.Context())
			require.Equal(t, c.fails, err != nil)
			require.Equal(t, c.want, got)
			require.Equal(t, !c.fails, s.absent.known)
		})
	}
}
