package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"fortio.org/fortio/periodic"
	"fortio.org/log"
	"github.com/valyala/fasthttp"

	"tienda/tests/bench/plan"
)

// Result is one case, measured.
type Result struct {
	Name       string      `json:"name"`
	PerSecond  float64     `json:"per_second"`
	P50        float64     `json:"p50_ms"`
	P99        float64     `json:"p99_ms"`
	Errors     int64       `json:"errors"`
	FirstError string      `json:"first_error,omitempty"`
	CPU        float64     `json:"cpu_ms"` // whole machine, per operation, the load generator's included
	Calls      plan.Counts `json:"calls"`  // sidecar calls per operation, counted by the sidecars
	Floor      string      `json:"floor,omitempty"`
	Ratio      float64     `json:"ratio,omitempty"`     // throughput over the floor's
	CPURatio   float64     `json:"cpu_ratio,omitempty"` // the floor's CPU over this
	// Where the CPU went, in ms per operation, by process.
	By map[string]float64 `json:"cpu_ms_by_process,omitempty"`
}

// meter runs closed loops: so many clients, each with one request at a time.
type meter struct {
	connections int
	duration    time.Duration
	only        *regexp.Regexp // the names of the cases that are run, with their floors
	processes   map[string]int // by name, whose CPU is told apart
	perSecond   float64        // of all clients together; 0: as many as they can
	spread      bool           // the clients take turns in place of asking all at once
}

// operation does one thing as one of the clients.
type operation func(ctx context.Context, client int) error

type runner struct {
	do    operation
	first *atomic.Value
}

// Run implements fortio's periodic.Runnable.
func (r runner) Run(ctx context.Context, id periodic.ThreadID) (bool, string) {
	if err := r.do(ctx, int(id)); err != nil {
		r.first.CompareAndSwap(nil, err.Error())
		return false, ""
	}
	return true, ""
}

// run measures an operation; exactly > 0: so many of them, else for the
// meter's duration, after a short warm-up. counts reads the sidecars' counters.
func (m *meter) run(name string, exactly int64, counts func() (plan.Counts, error), do operation) (Result, error) {
	log.SetLogLevelQuiet(log.Error)
	var first atomic.Value
	loop := func(d time.Duration, exactly int64) periodic.RunnerResults {
		o := periodic.RunnerOptions{
			RunType: name, QPS: cmp.Or(m.perSecond, -1), NumThreads: m.connections, Duration: d, Exactly: exactly,
			Percentiles: []float64{50, 99}, Resolution: 0.0001, Out: io.Discard, Uniform: m.spread,
		}
		p := periodic.NewPeriodicRunner(&o)
		p.Options().MakeRunners(runner{do, &first})
		return p.Run()
	}
	if exactly == 0 {
		loop(m.duration/4, 0)
	}
	first = atomic.Value{}
	before, err := counts()
	if err != nil {
		return Result{}, err
	}
	cpu, err := busySeconds()
	if err != nil {
		return Result{}, err
	}
	by := m.cpuByProcess()
	res := loop(m.duration, exactly)
	byAfter := m.cpuByProcess()
	cpuAfter, err := busySeconds()
	if err != nil {
		return Result{}, err
	}
	after, err := counts()
	if err != nil {
		return Result{}, err
	}
	h := res.DurationHistogram
	r := Result{
		Name: name, PerSecond: res.ActualQPS,
		P50: h.CalcPercentile(50) * 1000, P99: h.CalcPercentile(99) * 1000,
		CPU: (cpuAfter - cpu) * 1000 / float64(h.Count),
	}
	if res.ErrorsDurationHistogram != nil {
		r.Errors = res.ErrorsDurationHistogram.Count
	}
	if e, ok := first.Load().(string); ok {
		r.FirstError = e
	}
	n := float64(h.Count)
	r.By = map[string]float64{}
	for name, seconds := range byAfter {
		if ms := (seconds - by[name]) * 1000 / n; ms >= 0.005 {
			r.By[name] = math.Round(ms*1000) / 1000
		}
	}
	r.Calls = after.Per(before, n)
	fmt.Printf("   %-34s %8.0f/s  p50 %6.1f ms  p99 %6.1f ms  %5.2f ms CPU  %d errors %s\n", name, r.PerSecond, r.P50, r.P99, r.CPU, r.Errors, r.FirstError)
	return r, nil
}

// cpuSeconds reads how long the machine's cores have been busy, and how long
// idle, from /proc/stat in units of 10 ms.
func cpuSeconds() (busy, idle float64, err error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, fmt.Errorf("the benchmark reads CPU time from Linux's /proc: %w", err)
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	for i, field := range strings.Fields(string(line))[1:] {
		v, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, 0, err
		}
		switch {
		case i == 3 || i == 4: // idle, iowait
			idle += v
		case i < 7: // not what a hypervisor took; guest time is in user time
			busy += v
		}
	}
	return busy / 100, idle / 100, nil
}

// busySeconds reads how long the machine's cores have been busy.
func busySeconds() (float64, error) {
	busy, _, err := cpuSeconds()
	return busy, err
}

// cpuByProcess reads the CPU seconds of the processes, and of this one.
func (m *meter) cpuByProcess() map[string]float64 {
	out := map[string]float64{"load generator": processSeconds(os.Getpid())}
	for name, pid := range m.processes {
		out[name] = processSeconds(pid)
	}
	return out
}

// processSeconds reads what a process has used, in units of 10 ms; 0: gone.
func processSeconds(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
}

// residentMB sums the resident memory of processes.
func residentMB(pids []int) float64 {
	var pages float64
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			continue
		}
		if f := strings.Fields(string(b)); len(f) > 1 {
			v, _ := strconv.ParseFloat(f[1], 64)
			pages += v
		}
	}
	return pages * float64(os.Getpagesize()) / (1 << 20)
}

// requestLimit is how long a request may take, unless its context says another
// time.
const requestLimit = 30 * time.Second

// client is the load generator's HTTP client: one that costs little, because it
// shares the cores with what it measures.
func client(connections int) *fasthttp.Client {
	return &fasthttp.Client{MaxConnsPerHost: connections, MaxIdleConnDuration: time.Minute, NoDefaultUserAgentHeader: true}
}

// send makes a request and expects a status below 300.
func send(ctx context.Context, c *fasthttp.Client, method, url, body string, headers ...string) ([]byte, error) {
	status, b, err := ask(ctx, c, method, url, body, headers...)
	if err == nil && status >= 300 {
		err = fmt.Errorf("%s %s: %d: %.200s", method, url, status, b)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// ask makes a request and gives whatever is answered.
func ask(ctx context.Context, c *fasthttp.Client, method, url, body string, headers ...string) (int, []byte, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(req)
	defer fasthttp.ReleaseResponse(resp)
	req.Header.SetMethod(method)
	req.SetRequestURI(url)
	if body != "" {
		req.Header.SetContentType("application/json")
		req.SetBodyString(body)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	limit := requestLimit
	if end, ok := ctx.Deadline(); ok {
		limit = time.Until(end)
	}
	if err := c.DoTimeout(req, resp, limit); err != nil {
		return 0, nil, err
	}
	return resp.StatusCode(), bytes.Clone(resp.Body()), nil
}
