//go:build alerts

package alerts

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// recorded is the longest for of a rule that has to fire from the record alone.
const recorded = 2 * time.Minute

// verdict is what the judge says of a record.
type verdict struct {
	Rules  map[string]time.Duration `json:"rules"` // how long the condition of each alert has to hold
	Alerts []alert                  `json:"alerts"`
}

// alert is an alert at the time of a scrape.
type alert struct {
	Scrape  int     `json:"scrape"`
	Name    string  `json:"name"`
	Firing  bool    `json:"firing"`
	Labels  string  `json:"labels"`
	Value   float64 `json:"value"`
	Summary string  `json:"summary"`
}

func judge(t *testing.T, r record) (v verdict) {
	t.Helper()
	js, err := json.Marshal(r)
	require.NoError(t, err)
	out, err := ask(t.Context(), bytes.NewReader(js))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &v))
	return v
}

// fired gives where each alert fires for the first time.
func (v verdict) fired() map[string]alert {
	out := map[string]alert{}
	for _, a := range v.Alerts {
		if _, there := out[a.Name]; a.Firing && !there {
			out[a.Name] = a
		}
	}
	return out
}

// holds says whether an alert fires at the last scrapes of so many: one that comes and goes
// tells nobody.
func (v verdict) holds(name string, scrapes int) bool {
	held := map[int]bool{}
	for _, a := range v.Alerts {
		if a.Name == name && a.Firing && a.Scrape < scrapes && a.Scrape >= scrapes-steady {
			held[a.Scrape] = true
		}
	}
	return len(held) == steady
}
