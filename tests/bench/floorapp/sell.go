package main

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"time"

	dapr "github.com/dapr/go-sdk/client"
)

// The pauses between the tries of a sale: those of internal/state, which the
// shop itself makes after a conflict.
const (
	firstPause  = time.Millisecond
	longestWait = 100 * time.Millisecond
)

const hot = "hot"

// hotStock is all that the plain loop keeps of a SKU.
type hotStock struct {
	OnHand   int `json:"on_hand"`
	Reserved int `json:"reserved"`
}

// stock says how many there are to sell.
func (f *floor) stock(w http.ResponseWriter, r *http.Request) {
	var s hotStock
	err := json.NewDecoder(r.Body).Decode(&s)
	if err == nil {
		value, _ := json.Marshal(s)
		err = f.side.SaveState(r.Context(), f.store, hot, value, nil)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// sell is the loop that one writes first: read the stock with its ETag, check,
// write it back under that ETag; after a conflict wait a little, longer each
// time, and begin anew, for as long as the buyer stays.
func (f *floor) sell(w http.ResponseWriter, r *http.Request) {
	for attempt := 0; ; attempt++ {
		item, err := f.side.GetState(r.Context(), f.store, hot, nil)
		var s hotStock
		if err == nil {
			err = json.Unmarshal(item.Value, &s)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if s.Reserved >= s.OnHand {
			http.Error(w, "sold out", http.StatusConflict)
			return
		}
		s.Reserved++
		value, _ := json.Marshal(s)
		if f.side.SaveBulkState(r.Context(), f.store, &dapr.SetStateItem{
			Key: hot, Value: value, Etag: &dapr.ETag{Value: item.Etag},
			Options: &dapr.StateOptions{Concurrency: dapr.StateConcurrencyFirstWrite, Consistency: dapr.StateConsistencyStrong},
		}) == nil {
			_, _ = w.Write([]byte("{}"))
			return
		}
		select {
		case <-r.Context().Done():
			http.Error(w, "the buyer has left", http.StatusServiceUnavailable)
			return
		case <-time.After(rand.N(min(firstPause<<min(attempt, 16), longestWait)) + 1):
		}
	}
}
