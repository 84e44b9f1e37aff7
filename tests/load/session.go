package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
)

// tokenLife is after how long a token is asked for anew; it holds for 10 minutes.
const tokenLife = 7 * time.Minute

// account is somebody who signs in.
type account struct {
	web             *web
	email, password string

	mu    sync.Mutex
	token string
	since time.Time
}

// bearer gives the value of the header, "" of nobody. It signs in where the token
// is old, which costs the shop an argon2id.
func (s *account) bearer(ctx context.Context) string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.token == "" || time.Since(s.since) > tokenLife {
		var got struct {
			AccessToken string `json:"access_token"`
		}
		a := s.web.send(ctx, http.MethodPost, "/v1/auth/token", map[string]string{"grant_type": "password", "email": s.email, "password": s.password})
		if a.into(&got); a.class() == OK {
			s.token, s.since = "Bearer "+got.AccessToken, time.Now()
		}
	}
	return s.token // an old or missing one shows in the answers
}

// register makes a customer, who signs in at once.
func register(ctx context.Context, w *web) (*account, error) {
	s := &account{web: w, email: "load-" + uuid.NewString() + "@example.com", password: "a long password"}
	a := w.send(ctx, http.MethodPost, "/v1/users", map[string]string{"email": s.email, "password": s.password, "name": "Lucía"})
	if a.class() != OK {
		return nil, fmt.Errorf("a new customer: %s: %.200s", a, a.body)
	}
	if s.bearer(ctx) == "" {
		return nil, fmt.Errorf("a new customer cannot sign in")
	}
	return s, nil
}
