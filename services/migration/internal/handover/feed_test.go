package handover_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/services/migration/internal/handover"
	"tienda/services/migration/internal/reverse"
)

// replica announces documents; its number is the place of a change.
type replica struct {
	journal, process string
	commits          int
	said             []string // IDs
	unsettled        []string
	forgot           int // of the first so many
}

// app is its replicas, asked in turn.
type app struct {
	replicas []*replica
	turn     int
	silent   bool
	most     int
}

func (a *app) Outbox(_ context.Context, _, process string, after int64) (o handover.Outbox, err error) {
	if len(a.replicas) == 0 {
		return o, errors.New("away")
	}
	r := a.replicas[a.turn%len(a.replicas)]
	a.turn++
	o = handover.Outbox{Replica: r.journal, Commits: r.commits, Process: r.process, Last: int64(len(r.said)), Announces: !a.silent, Unsettled: r.unsettled}
	for _, other := range a.replicas {
		o.Journals = append(o.Journals, other.journal)
	}
	if process != r.process {
		return o, nil
	}
	o.After, o.Lost = after, after < int64(r.forgot)
	if o.Lost {
		return o, nil
	}
	for _, id := range r.said[after:min(int(after)+a.most, len(r.said))] {
		o.After++
		o.Changes = append(o.Changes, handover.News{Kind: "products", ID: id, Version: 1})
	}
	return o, nil
}

// all gives the IDs that a feed has.
func all(t *testing.T, f *handover.Feed) (ids []string, whole bool, err error) {
	t.Helper()
	whole, err = f.All(t.Context(), "catalog", func(changes []reverse.Change, _ []json.RawMessage) error {
		for _, c := range changes {
			ids = append(ids, c.ID)
		}
		return nil
	})
	slices.Sort(ids)
	return ids, whole, err
}

func TestAllThatEveryReplicaHasAnnounced(t *testing.T) {
	a, b := &replica{journal: "ja", process: "pa", said: []string{"old"}}, &replica{journal: "jb", process: "pb"}
	owner := &app{replicas: []*replica{a, b}, most: 2}
	f := handover.NewFeed(owner)
	_, _, err := all(t, f)
	require.Error(t, err, "nothing was begun")
	require.False(t, f.Begun("catalog"))
	require.NoError(t, f.Begin(t.Context(), "catalog", 0))
	require.True(t, f.Begun("catalog"))

	ids, whole, err := all(t, f)
	require.NoError(t, err)
	require.True(t, whole)
	require.Empty(t, ids, "what was announced before it began is compared")

	a.said = append(a.said, "1", "2", "3", "4", "5")
	require.NoError(t, f.Check(t.Context(), "catalog"), "which takes nothing away")
	b.said = append(b.said, "6")
	b.commits = 1
	ids, whole, err = all(t, f)
	require.NoError(t, err)
	require.False(t, whole, "one has something left")
	require.Equal(t, []string{"1", "2", "3", "4", "5", "6"}, ids)

	b.commits, b.said = 0, append(b.said, "7")
	ids, whole, err = all(t, f)
	require.NoError(t, err)
	require.True(t, whole)
	require.Equal(t, []string{"7"}, ids, "nothing comes twice")

	c := &replica{journal: "jc", process: "pc", said: []string{"8"}}
	owner.replicas = append(owner.replicas, c)
	ids, whole, err = all(t, f)
	require.NoError(t, err)
	require.True(t, whole)
	require.Equal(t, []string{"8"}, ids, "a new replica tells all that it has announced")
}

// What was not taken comes again.
func TestChangesThatWereNotTaken(t *testing.T) {
	r := &replica{journal: "j", process: "p"}
	f := handover.NewFeed(&app{replicas: []*replica{r}, most: 10})
	require.NoError(t, f.Begin(t.Context(), "catalog", 0))
	r.said = []string{"1"}
	away := errors.New("the monolith is away")
	_, err := f.All(t.Context(), "catalog", func([]reverse.Change, []json.RawMessage) error { return away })
	require.ErrorIs(t, err, away)
	ids, whole, err := all(t, f)
	require.NoError(t, err)
	require.True(t, whole)
	require.Equal(t, []string{"1"}, ids)
}

func TestWhatIsNotKnownIsAnError(t *testing.T) {
	a, b := &replica{journal: "ja", process: "pa"}, &replica{journal: "jb", process: "pb"}
	owner := &app{replicas: []*replica{a, b}, most: 10}
	f := handover.NewFeed(owner)
	require.NoError(t, f.Begin(t.Context(), "catalog", 0))

	owner.replicas = owner.replicas[:1]
	_, _, err := all(t, f)
	require.ErrorContains(t, err, "has ended")
	require.NoError(t, f.Begin(t.Context(), "catalog", 0))
	_, whole, err := all(t, f)
	require.NoError(t, err)
	require.True(t, whole)

	owner.replicas = []*replica{b}
	take := func([]reverse.Change, []json.RawMessage) error { return nil }
	whole, err = f.Lately(t.Context(), "catalog", 0, take)
	require.NoError(t, err, "a comparison is to come")
	require.False(t, whole)
	whole, err = f.Lately(t.Context(), "catalog", 0, take)
	require.NoError(t, err)
	require.True(t, whole)
	owner.replicas = []*replica{a}
	require.NoError(t, f.Begin(t.Context(), "catalog", 0))

	a.said, a.forgot = []string{"1", "2"}, 1
	_, _, err = all(t, f)
	require.Error(t, err, "it does not remember all")

	require.NoError(t, f.Check(t.Context(), "catalog"))
	owner.silent = true
	require.ErrorIs(t, f.Check(t.Context(), "catalog"), handover.ErrSilent)
	require.ErrorIs(t, f.Begin(t.Context(), "catalog", 0), handover.ErrSilent)
	owner.replicas = nil
	require.Error(t, f.Begin(t.Context(), "catalog", 0))
}

// What was announced shortly before it began is given as well, once, where that is asked for;
// and while something goes on by itself, nothing is whole.
func TestWhatWasAnnouncedShortlyBefore(t *testing.T) {
	r := &replica{journal: "j", process: "p", said: []string{"1", "2", "3", "4"}}
	f := handover.NewFeed(&app{replicas: []*replica{r}, most: 10})
	require.NoError(t, f.Begin(t.Context(), "catalog", 3))
	ids, whole, err := all(t, f)
	require.NoError(t, err)
	require.True(t, whole)
	require.Equal(t, []string{"2", "3", "4"}, ids)
	require.NoError(t, f.Begin(t.Context(), "catalog", 3))
	r.said = append(r.said, "5")
	ids, _, err = all(t, f)
	require.NoError(t, err)
	require.Equal(t, []string{"5"}, ids)

	r.unsettled = []string{"7"}
	_, whole, err = all(t, f)
	require.False(t, whole)
	require.ErrorContains(t, err, "the first is 7")
}
