package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/route"
)

// origin plays the forwarder. Each fetch gives another body, unless answer says
// what it gives.
type origin struct {
	fetched   atomic.Int32
	forwarded atomic.Int32
	answer    func(ctx context.Context, u *url.URL) (*forward.Answer, error)
	speaks    bool // the language that it is asked in
}

func (o *origin) Forward(w http.ResponseWriter, _ *http.Request, _ *route.Route, _ caller.Caller, _ trace.Trace) error {
	_, err := fmt.Fprintf(w, "forwarded %d", o.forwarded.Add(1))
	return err
}

func (o *origin) Fetch(ctx context.Context, _ *route.Route, u *url.URL, language string, _ trace.Trace, _ int64) (*forward.Answer, error) {
	n := o.fetched.Add(1)
	if o.speaks {
		return answer(http.StatusOK, "in "+language, "Vary", "Accept-Language"), nil
	}
	if o.answer != nil {
		return o.answer(ctx, u)
	}
	return answer(http.StatusOK, fmt.Sprintf("fetched %d", n)), nil
}

func answer(status int, body string, header ...string) *forward.Answer {
	a := &forward.Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	for i := 0; i+1 < len(header); i += 2 {
		a.Header.Set(header[i], header[i+1])
	}
	return a
}

// bench is a cache on a clock that tests move.
type bench struct {
	*Cache
	origin *origin
	clock  atomic.Int64
}

func stand(size int) *bench {
	b := &bench{origin: &origin{}}
	b.Cache = New(b.origin, size, func() time.Time { return time.Unix(0, b.clock.Load()) })
	return b
}

func (b *bench) advance(d time.Duration) { b.clock.Add(int64(d)) }

var (
	cached = &route.Route{App: "catalog", Path: "/v1/products", Cache: time.Second, Timeout: time.Second}
	plain  = &route.Route{App: "catalog", Path: "/v1/products", Timeout: time.Second}
)

func (b *bench) do(method, target string, header ...string) (*httptest.ResponseRecorder, error) {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	return w, b.Forward(w, r, cached, caller.Caller{}, trace.Trace{RequestID: "request-1"})
}

func (b *bench) get(t testing.TB, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	w, err := b.do(http.MethodGet, target, header...)
	require.NoError(t, err)
	return w
}

func TestAnAnswerIsServedForItsTimeOnly(t *testing.T) {
	b := stand(DefaultSize)
	require.Equal(t, "fetched 1", b.get(t, "/p?q=a").Body.String())
	b.advance(time.Second - 1)
	require.Equal(t, "fetched 1", b.get(t, "/p?q=a").Body.String())
	require.Equal(t, "fetched 2", b.get(t, "/p?q=b").Body.String(), "another query")
	require.Equal(t, "fetched 3", b.get(t, "/p").Body.String(), "another path")
	b.advance(1)
	require.Equal(t, "fetched 4", b.get(t, "/p?q=a").Body.String(), "its time is over, however often it was used")
}

// What is read in another language is another answer; an app that answers by
// language says so, and the gateway's own Vary stays.
func TestALanguageHasItsOwnAnswer(t *testing.T) {
	b := stand(DefaultSize)
	b.origin.speaks = true
	for range 2 {
		for _, language := range []string{"es", "en", ""} {
			w := b.get(t, "/p", "Accept-Language", language)
			require.Equal(t, "in "+language, w.Body.String())
			require.Equal(t, []string{"Accept-Language"}, w.Header()["Vary"])
		}
	}
	require.EqualValues(t, 3, b.origin.fetched.Load())

	for _, known := range []string{"", b.get(t, "/p", "Accept-Language", "es").Header().Get("Etag")} {
		r := httptest.NewRequest(http.MethodGet, "/p", nil)
		r.Header.Set("Accept-Language", "es")
		r.Header.Set("If-None-Match", known)
		w := httptest.NewRecorder()
		w.Header().Set("Vary", "Origin")
		require.NoError(t, b.Forward(w, r, cached, caller.Caller{}, trace.Trace{}))
		require.Equal(t, known != "", w.Code == http.StatusNotModified)
		require.Equal(t, []string{"Origin", "Accept-Language"}, w.Header()["Vary"])
	}
	b.advance(time.Second)
	require.NotEqual(t, b.get(t, "/p", "Accept-Language", "es").Header().Get("Etag"), b.get(t, "/p", "Accept-Language", "en").Header().Get("Etag"))
}

func TestTheTimeCountsFromWhenTheFetchBegan(t *testing.T) {
	b := stand(DefaultSize)
	b.origin.answer = func(context.Context, *url.URL) (*forward.Answer, error) {
		b.advance(700 * time.Millisecond)
		return answer(http.StatusOK, "slow"), nil
	}
	b.get(t, "/p")
	b.advance(299 * time.Millisecond)
	b.get(t, "/p")
	require.EqualValues(t, 1, b.origin.fetched.Load())
	b.advance(time.Millisecond)
	b.get(t, "/p")
	require.EqualValues(t, 2, b.origin.fetched.Load())
}

func TestCredentialsAndOtherRoutesPassBy(t *testing.T) {
	b := stand(DefaultSize)
	b.get(t, "/p")
	require.Equal(t, "forwarded 1", b.get(t, "/p", "Authorization", "Bearer x").Body.String(), "reads fresh")
	require.Equal(t, "forwarded 2", b.get(t, "/p", "Authorization", "").Body.String())
	require.Equal(t, "fetched 1", b.get(t, "/p").Body.String(), "and leaves nothing behind")
	w, err := b.do(http.MethodPost, "/p")
	require.NoError(t, err)
	require.Equal(t, "forwarded 3", w.Body.String())
	w = httptest.NewRecorder()
	require.NoError(t, b.Forward(w, httptest.NewRequest(http.MethodGet, "/p", nil), plain, caller.Caller{}, trace.Trace{}))
	require.Equal(t, "forwarded 4", w.Body.String())
	w = httptest.NewRecorder()
	require.NoError(t, b.Forward(w, httptest.NewRequest(http.MethodGet, "/p", strings.NewReader("x")), cached, caller.Caller{}, trace.Trace{}))
	require.Equal(t, "forwarded 5", w.Body.String(), "a body is for the app to refuse")
}

func TestConditionsAndHead(t *testing.T) {
	b := stand(DefaultSize)
	stock := "many"
	b.origin.answer = func(context.Context, *url.URL) (*forward.Answer, error) {
		return answer(http.StatusOK, stock, "ETag", `"3"`, "Cache-Control", "max-age=60"), nil
	}
	w := b.get(t, "/p")
	tag := w.Header().Get("ETag")
	require.Regexp(t, `^"3\.[A-Za-z0-9_-]{22}"$`, tag)
	require.Equal(t, "public, max-age=0, must-revalidate", w.Header().Get("Cache-Control"))
	require.Equal(t, "4", w.Header().Get("Content-Length"))
	for _, c := range []struct {
		header string
		status int
	}{
		{tag, 304}, {"W/" + tag, 304}, {"*", 304}, {`"a", ` + tag, 304}, {`"3"`, 200}, {`"3.x"`, 200}, {tag[1 : len(tag)-1], 200}, {"", 200},
	} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			w, err := b.do(method, "/p", "If-None-Match", c.header)
			require.NoError(t, err)
			require.Equal(t, c.status, w.Code, "%+v", c)
			require.Equal(t, tag, w.Header().Get("ETag"))
			require.Equal(t, "public, max-age=0, must-revalidate", w.Header().Get("Cache-Control"))
			require.Equal(t, method == http.MethodGet && c.status == 200, w.Body.Len() > 0, "%s %+v", method, c)
			require.Equal(t, c.status == 200, w.Header().Get("Content-Type") != "" && w.Header().Get("Content-Length") == "4")
		}
	}
	require.EqualValues(t, 1, b.origin.fetched.Load())
	b.advance(time.Second)
	stock = "none"
	require.Equal(t, http.StatusOK, b.get(t, "/p", "If-None-Match", tag).Code, "the same version, and something else is shown")
	b.advance(time.Second)
	b.origin.answer = nil
	require.Regexp(t, `^"[A-Za-z0-9_-]{22}"$`, b.get(t, "/p").Header().Get("ETag"), "the app gives none")
}

func TestWhatIsNotKept(t *testing.T) {
	unavailable := fault.New(fault.Unavailable, "catalog_unavailable", "x")
	for name, c := range map[string]struct {
		answer    *forward.Answer
		err, want error
		forwarded int32
	}{
		"an error":          {err: unavailable, want: unavailable},
		"not found":         {answer: answer(404, `{"request_id":"request-1"}`, "Content-Type", "application/problem+json", "Cache-Control", "no-store")},
		"another good one":  {answer: answer(206, `{}`)},
		"too large":         {err: forward.ErrLarge, forwarded: 2},
		"with a cookie":     {answer: answer(200, `{}`, "Set-Cookie", "a=b"), forwarded: 2},
		"for one client":    {answer: answer(200, `{}`, "Cache-Control", "private"), forwarded: 2},
		"not to be stored":  {answer: answer(200, `{}`, "Cache-Control", "no-store"), forwarded: 2},
		"larger than all":   {answer: answer(200, strings.Repeat("x", 10_000))},
		"what is no answer": {want: errors.New("panic")},
	} {
		t.Run(name, func(t *testing.T) {
			b := stand(5_000)
			b.origin.answer = func(context.Context, *url.URL) (*forward.Answer, error) {
				if c.answer == nil {
					return nil, c.err
				}
				a := *c.answer
				a.Header = a.Header.Clone()
				return &a, c.err
			}
			for range 2 {
				w, err := b.do(http.MethodGet, "/p")
				if c.want != nil {
					require.ErrorContains(t, err, strings.Split(c.want.Error(), ":")[0])
					continue
				}
				require.NoError(t, err)
				if c.forwarded == 0 {
					require.Equal(t, c.answer.Status, w.Code)
				}
			}
			require.EqualValues(t, 2, b.origin.fetched.Load())
			require.Equal(t, c.forwarded, b.origin.forwarded.Load())
			require.Empty(t, b.entries)
			require.Zero(t, b.used)
		})
	}
}

// slow makes each fetch wait for the channel, and tells when one has begun.
func (o *origin) slow(a func() (*forward.Answer, error)) (begun chan struct{}, goOn chan struct{}) {
	begun, goOn = make(chan struct{}, 100), make(chan struct{})
	o.answer = func(ctx context.Context, _ *url.URL) (*forward.Answer, error) {
		begun <- struct{}{}
		select {
		case <-goOn:
			return a()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return begun, goOn
}

func TestMissesOfOneKeyBecomeOneFetch(t *testing.T) {
	for name, c := range map[string]struct {
		answer *forward.Answer
		err    error
	}{
		"an answer":  {answer: answer(200, "good")},
		"an error":   {err: fault.New(fault.TimedOut, "timed_out", "x")},
		"a document": {answer: answer(404, `{"code":"not_found","request_id":"request-first"}`, "Content-Type", "application/problem+json")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { together(t, c.answer, c.err) })
		})
	}
}

// together has 20 clients ask while the fetch of the first is under way.
func together(t *testing.T, a *forward.Answer, failure error) {
	b := stand(DefaultSize)
	begun, goOn := b.origin.slow(func() (*forward.Answer, error) { return a, failure })
	var all sync.WaitGroup
	ask := func(id string) {
		w := httptest.NewRecorder()
		err := b.Forward(w, httptest.NewRequest(http.MethodGet, "/p", nil), cached, caller.Caller{}, trace.Trace{RequestID: id})
		if failure != nil {
			assert.ErrorIs(t, err, failure)
			return
		}
		assert.NoError(t, err)
		assert.Equal(t, a.Status, w.Code)
		if a.Status == http.StatusNotFound {
			assert.Contains(t, w.Body.String(), `"request_id":"`+id+`"`, "each has its own")
			assert.Equal(t, strconv.Itoa(w.Body.Len()), w.Header().Get("Content-Length"))
		}
	}
	all.Go(func() { ask("request-first") })
	<-begun
	for i := range 20 {
		all.Go(func() { ask(fmt.Sprint("request-", i)) })
	}
	synctest.Wait()
	close(goOn)
	all.Wait()
	require.EqualValues(t, 1, b.origin.fetched.Load())
	if a == nil || a.Status != http.StatusOK {
		require.Empty(t, b.entries)
	}
}

func TestAClientThatLeavesDoesNotSpoilTheFetch(t *testing.T) {
	b := stand(DefaultSize)
	begun, goOn := b.origin.slow(func() (*forward.Answer, error) { return answer(200, "good"), nil })
	ctx, leave := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/p", nil)
		first <- b.Forward(httptest.NewRecorder(), r, cached, caller.Caller{}, trace.Trace{})
	}()
	<-begun
	leave()
	require.ErrorIs(t, <-first, forward.ErrGone)
	close(goOn)
	require.Equal(t, "good", b.get(t, "/p").Body.String())
	require.EqualValues(t, 1, b.origin.fetched.Load())
}

func TestNobodyJoinsAFetchThatIsTooOld(t *testing.T) {
	b := stand(DefaultSize)
	begun, goOn := b.origin.slow(func() (*forward.Answer, error) { return answer(200, "good"), nil })
	var all sync.WaitGroup
	all.Go(func() { _, _ = b.do(http.MethodGet, "/p") })
	<-begun
	b.advance(time.Second)
	all.Go(func() { _, _ = b.do(http.MethodGet, "/p") })
	<-begun
	close(goOn)
	all.Wait()
	b.get(t, "/p")
	require.EqualValues(t, 2, b.origin.fetched.Load(), "the younger is kept")
	require.Equal(t, 1, b.kept.Len())
}

func TestTheBytesAreBounded(t *testing.T) {
	const size = 20_000
	b := stand(size)
	b.origin.answer = func(_ context.Context, u *url.URL) (*forward.Answer, error) {
		return answer(http.StatusOK, strings.Repeat("x", 4_000)+u.RawQuery), nil
	}
	for i := range 4 {
		b.get(t, fmt.Sprint("/p?n=", i))
	}
	b.get(t, "/p?n=0") // used: it stays
	require.EqualValues(t, 4, b.origin.fetched.Load())
	b.get(t, "/p?n=4")
	b.get(t, "/p?n=0")
	require.EqualValues(t, 5, b.origin.fetched.Load())
	b.get(t, "/p?n=1")
	require.EqualValues(t, 6, b.origin.fetched.Load(), "the one that was not used for longest is gone")
	for i := range 500 {
		b.get(t, fmt.Sprint("/p?n=", i))
		require.LessOrEqual(t, b.used, size)
	}
	require.Len(t, b.entries, b.kept.Len())
	b.advance(time.Second)
	for i := range 4 {
		b.get(t, fmt.Sprint("/p?n=", i))
	}
	sum := 0
	for e := b.kept.Front(); e != nil; e = e.Next() {
		sum += e.Value.(*entry).bytes
	}
	require.Equal(t, sum, b.used, "what was replaced is no longer counted")
}

// TestManyAtOnce is for the race detector.
func TestManyAtOnce(t *testing.T) {
	b := stand(10_000)
	b.origin.answer = func(_ context.Context, u *url.URL) (*forward.Answer, error) {
		if strings.HasSuffix(u.RawQuery, "7") {
			return answer(404, "{}"), nil
		}
		return answer(200, u.RawQuery+strings.Repeat("x", 1_000)), nil
	}
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 300 {
				b.advance(10 * time.Millisecond)
				query := fmt.Sprint("n=", (i+j)%20)
				w, err := b.do(http.MethodGet, "/p?"+query)
				assert.NoError(t, err)
				body, _ := io.ReadAll(w.Body)
				if w.Code == 200 {
					assert.Equal(t, query, strings.TrimRight(string(body), "x"))
				}
			}
		})
	}
	all.Wait()
	require.LessOrEqual(t, b.used, 10_000)
	require.Len(t, b.entries, b.kept.Len())
}

func BenchmarkHit(b *testing.B) {
	s := stand(DefaultSize)
	s.origin.answer = func(context.Context, *url.URL) (*forward.Answer, error) {
		return answer(200, strings.Repeat("x", 8_000), "ETag", `"3"`), nil
	}
	r := httptest.NewRequest(http.MethodGet, "/v1/products?limit=20", nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Forward(discard{}, r, cached, caller.Caller{}, trace.Trace{}); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

var none = http.Header{}

func (discard) Header() http.Header         { return none }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
