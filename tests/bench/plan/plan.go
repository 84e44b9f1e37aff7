// Package plan is what the floor does for one request: a list of bare sidecar
// calls, the same in number and kind as a request of the shop makes, with no
// rules, no contract and no ETags around them.
package plan

import "fmt"

// Step is one bare call, or an invocation of the next app with steps of its own.
type Step struct {
	Kind string `json:"kind"`           // "get", "save", "tx", "publish", "invoke", "bind"
	Docs int    `json:"docs,omitempty"` // documents of a get (more than one: bulk) or a tx
	Size int    `json:"size,omitempty"` // bytes of a document or an event
	Then []Step `json:"then,omitempty"` // of an invoke
}

// Get reads docs documents in one call.
func Get(docs int) Step { return Step{Kind: "get", Docs: docs} }

// Save writes one document of so many bytes.
func Save(size int) Step { return Step{Kind: "save", Docs: 1, Size: size} }

// Tx writes docs documents of so many bytes in one transaction.
func Tx(docs, size int) Step { return Step{Kind: "tx", Docs: docs, Size: size} }

// Publish announces one event of so many bytes.
func Publish(size int) Step { return Step{Kind: "publish", Size: size} }

// Invoke calls the next app, which does then.
func Invoke(then ...Step) Step { return Step{Kind: "invoke", Then: then} }

// Bind sends so many bytes through an output binding, and gets an answer as long.
func Bind(size int) Step { return Step{Kind: "bind", Size: size} }

// Calls counts the sidecar calls of a plan, by kind.
func Calls(steps []Step) Counts {
	var c Counts
	for _, s := range steps {
		switch s.Kind {
		case "get":
			c.Reads++
		case "save", "tx":
			c.Writes++
		case "publish":
			c.Publishes++
		case "bind":
			c.Bindings++
		case "invoke":
			c.Invocations++
			c = c.Add(Calls(s.Then))
		}
	}
	return c
}

// Counts is how many sidecar calls of each kind a request makes.
type Counts struct {
	Invocations float64 `json:"invocations"`
	Reads       float64 `json:"state_reads"`
	Writes      float64 `json:"state_writes"`
	Publishes   float64 `json:"publishes"`
	Bindings    float64 `json:"bindings,omitempty"` // output bindings
}

// Add gives the sum.
func (c Counts) Add(o Counts) Counts {
	return Counts{c.Invocations + o.Invocations, c.Reads + o.Reads, c.Writes + o.Writes, c.Publishes + o.Publishes, c.Bindings + o.Bindings}
}

// Per gives what has been added since before, for each of n requests.
func (c Counts) Per(before Counts, n float64) Counts {
	return Counts{
		(c.Invocations - before.Invocations) / n, (c.Reads - before.Reads) / n,
		(c.Writes - before.Writes) / n, (c.Publishes - before.Publishes) / n, (c.Bindings - before.Bindings) / n,
	}
}

// Total counts all of them.
func (c Counts) Total() float64 { return c.Invocations + c.Reads + c.Writes + c.Publishes + c.Bindings }

// String gives "2i 3r 2w 1p", and "1b" with bindings.
func (c Counts) String() string {
	out := fmt.Sprintf("%.1fi %.1fr %.1fw %.1fp", c.Invocations, c.Reads, c.Writes, c.Publishes)
	if c.Bindings > 0 {
		out += fmt.Sprintf(" %.1fb", c.Bindings)
	}
	return out
}
