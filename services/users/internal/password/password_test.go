package password

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

// The vector of the reference implementation's own tests (test.c, version
// 0x13, argon2id, t=2, m=2^16, p=1).
const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

func TestReferenceVector(t *testing.T) {
	h := New(OWASP)
	ok, err := h.Matches(t.Context(), reference, "password")
	require.NoError(t, err)
	require.True(t, ok, "a hash is checked with its own parameters")
	ok, err = h.Matches(t.Context(), reference, "passwore")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestHashRoundTrip(t *testing.T) {
	h := New(OWASP)
	for _, password := range []string{"correct horse battery", "contraseña segura", strings.Repeat("☃", 128)} {
		hash, err := h.Hash(t.Context(), password)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
		again, err := h.Hash(t.Context(), password)
		require.NoError(t, err)
		require.NotEqual(t, hash, again, "each hash has a salt of its own")
		ok, err := h.Matches(t.Context(), hash, password)
		require.NoError(t, err)
		require.True(t, ok)
		ok, err = h.Matches(t.Context(), hash, password+" ")
		require.NoError(t, err)
		require.False(t, ok)
	}
}

func TestSpellingsOfOnePassword(t *testing.T) {
	h := New(Params{MemoryKiB: 64, Passes: 1, Lanes: 1})
	hash, err := h.Hash(t.Context(), "contrase\u00f1a")
	require.NoError(t, err)
	ok, err := h.Matches(t.Context(), hash, "contrasen\u0303a")
	require.NoError(t, err)
	require.True(t, ok)
}

func TestNobodyHasNoPassword(t *testing.T) {
	h := New(OWASP)
	for _, password := range []string{"", "password", h.dummy} {
		ok, err := h.Matches(t.Context(), "", password)
		require.NoError(t, err)
		require.False(t, ok)
	}
}

func TestDamagedHashes(t *testing.T) {
	h := New(OWASP)
	for _, bad := range []string{
		"x", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		strings.Replace(reference, "v=19", "v=16", 1), strings.Replace(reference, "m=65536", "m=4294967295", 1),
		strings.Replace(reference, "t=2", "t=0", 1), strings.Replace(reference, "p=1", "p=0", 1),
		strings.Replace(reference, "CTFh", "C*Fh", 1), "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$",
	} {
		_, err := h.Matches(t.Context(), bad, "password")
		require.ErrorIs(t, err, errForm, bad)
	}
}

// With every turn taken, a caller that goes away is let go, one that waits too
// long is asked to come again, and a queue that is full takes no more.
func TestWaitingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(OWASP)
		require.NoError(t, h.turns.Acquire(t.Context(), h.memory))
		start := time.Now()
		_, err := h.Hash(t.Context(), "password")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, fault.Unavailable, fault.KindOf(err))
		require.Equal(t, waitLimit, time.Since(start))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = h.Matches(ctx, reference, "password")
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, fault.Unavailable, fault.KindOf(err))

		var refused atomic.Int64
		var wg sync.WaitGroup
		start = time.Now()
		for range h.longest + 7 {
			wg.Go(func() {
				if _, err := h.Hash(t.Context(), "password"); err == ErrBusy { //nolint:errorlint // the one without a cause did not wait
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 7, refused.Load())
		require.Equal(t, waitLimit, time.Since(start))

		h.turns.Release(h.memory)
		_, err = h.Hash(t.Context(), "password")
		require.NoError(t, err)
	})
}

// The budget bounds what is under way, whatever parameters a stored hash has.
func TestBudget(t *testing.T) {
	small := Params{MemoryKiB: 64, Passes: 1, Lanes: 1}
	require.EqualValues(t, OWASP.MemoryKiB, New(OWASP, Budget(20)).memory, "room for one")
	require.EqualValues(t, OWASP.MemoryKiB, New(OWASP, Budget(1)).memory, "and never less")
	require.LessOrEqual(t, New(OWASP).memory, int64(512<<10))
	require.EqualValues(t, runtime.GOMAXPROCS(0)*64, New(small).memory, "no more turns than processors")
	h := New(small)
	done, err := h.wait(t.Context(), Params{MemoryKiB: maxMemoryKiB})
	require.NoError(t, err)
	require.False(t, h.turns.TryAcquire(1), "one that is over the budget runs alone")
	done()
	require.True(t, h.turns.TryAcquire(h.memory))
}

func TestFloor(t *testing.T) {
	h := New(Params{MemoryKiB: 64, Passes: 1, Lanes: 1}, Floor(60*time.Millisecond))
	hash, err := h.Hash(t.Context(), "password")
	require.NoError(t, err)
	for _, tt := range []struct {
		hash, password string
		ok             bool
	}{{hash, "password", true}, {hash, "passwore", false}, {"", "password", false}} {
		start := time.Now()
		ok, err := h.Matches(t.Context(), tt.hash, tt.password)
		require.NoError(t, err)
		require.Equal(t, tt.ok, ok)
		if !ok {
			require.GreaterOrEqual(t, time.Since(start), 60*time.Millisecond)
			require.True(t, h.turns.TryAcquire(h.memory), "waiting takes no turn")
			h.turns.Release(h.memory)
		}
	}
}

func TestOutdated(t *testing.T) {
	h := New(OWASP)
	now, err := h.Hash(t.Context(), "password")
	require.NoError(t, err)
	require.False(t, h.Outdated(now))
	require.True(t, h.Outdated(reference), "other parameters")
	require.True(t, New(Params{MemoryKiB: 64, Passes: 1, Lanes: 1}).Outdated(now), "the parameters have changed since")
	require.True(t, h.Outdated("x"))
}

// What a sign-in costs, and how many there are in a second: the parts are the
// processors (-cpu), as in the service.
func BenchmarkSignIn(b *testing.B) {
	h := New(OWASP)
	hash, err := h.Hash(b.Context(), "a good password")
	require.NoError(b, err)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if ok, err := h.Matches(b.Context(), hash, "a good password"); err != nil || !ok {
				b.Error(ok, err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "logins/s")
}

func BenchmarkBcrypt12(b *testing.B) {
	p, err := parseBcryptSetting("$2b$12$abcdefghijklmnopqrstuv")
	require.NoError(b, err)
	for b.Loop() {
		p.sum([]byte("a good password"))
	}
}
