// Command stub is an app that answers who it is and counts the events it hears.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	fmt.Println("stub", os.Getenv("TIENDA_REPLICA"))
	var heard atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		resp, err := http.Get("http://127.0.0.1:" + os.Getenv("DAPR_HTTP_PORT") + "/v1.0/healthz/outbound")
		if err != nil || resp.StatusCode/100 != 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("GET /who", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("dapr-api-token") != os.Getenv("APP_API_TOKEN") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		fmt.Fprint(w, os.Getenv("TIENDA_REPLICA"))
	})
	mux.HandleFunc("GET /heard", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, heard.Load()) })
	mux.HandleFunc("POST /events/deadletter", func(http.ResponseWriter, *http.Request) {}) // takes them all
	mux.HandleFunc("POST /events/{topic}", func(w http.ResponseWriter, r *http.Request) {
		var e struct{ Data string }
		_ = json.NewDecoder(r.Body).Decode(&e)
		if strings.Contains(e.Data, "poison") {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		heard.Add(1)
	})
	s := &http.Server{Addr: "127.0.0.1:" + os.Getenv("APP_PORT"), Handler: mux, ReadHeaderTimeout: time.Second}
	go func() {
		<-ctx.Done()
		_ = s.Shutdown(context.Background())
	}()
	if err := s.ListenAndServe(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-ctx.Done()
}
