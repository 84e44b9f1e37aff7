package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tienda/tests/shop"
)

// recovery measures how long the shop needs after a fault: from the end of the
// fault (a kill ends at once, a pause with SIGCONT) until every service and
// every sidecar says that it is ready and a checkout that began after the fault
// was acknowledged. Faults that come meanwhile count in.
type recovery struct {
	readyAt atomic.Int64 // when the last look began that found all ready, in Unix nanoseconds
	soldAt  atomic.Int64 // when the last checkout began that was acknowledged

	mu    sync.Mutex
	took  []time.Duration
	after []Fault
}

// sold tells of an acknowledged checkout.
func (r *recovery) sold(began time.Time) {
	for n := began.UnixNano(); ; {
		old := r.soldAt.Load()
		if n <= old || r.soldAt.CompareAndSwap(old, n) {
			return
		}
	}
}

// watch looks at the processes until ctx ends.
func (r *recovery) watch(ctx context.Context, state func() (shop.State, error)) {
	client := &http.Client{Timeout: time.Second}
	for sleep(ctx, 150*time.Millisecond) == nil {
		began := time.Now()
		if st, err := state(); err == nil && allReady(ctx, client, st) {
			r.readyAt.Store(began.UnixNano())
		}
	}
}

func allReady(ctx context.Context, client *http.Client, st shop.State) bool {
	for _, a := range st.Apps {
		if a.PID == 0 {
			return false
		}
		if a.SidecarPID == 0 && a.HTTPPort == 0 {
			continue
		}
		for _, url := range []string{fmt.Sprintf("http://127.0.0.1:%d/readyz", a.Port), fmt.Sprintf("http://127.0.0.1:%d/v1.0/healthz", a.HTTPPort)} {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				return false
			}
			resp, err := client.Do(req)
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			if resp.StatusCode >= http.StatusBadRequest {
				return false
			}
		}
	}
	return true
}

// measure waits for the recovery from a fault that has just ended.
func (r *recovery) measure(ctx context.Context, f Fault, ended time.Time) {
	for sleep(ctx, 20*time.Millisecond) == nil {
		if n := ended.UnixNano(); r.readyAt.Load() > n && r.soldAt.Load() > n {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.took, r.after = append(r.took, time.Since(ended)), append(r.after, f)
			return
		}
	}
}

// summary gives the median and the longest recovery, and what that was from.
func (r *recovery) summary() (n int, p50, longest time.Duration, from Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.took) == 0 {
		return 0, 0, 0, Fault{}
	}
	longest = slices.Max(r.took)
	from = r.after[slices.Index(r.took, longest)]
	sorted := slices.Sorted(slices.Values(r.took))
	return len(sorted), sorted[len(sorted)/2], longest, from
}
