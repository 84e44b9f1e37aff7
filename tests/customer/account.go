package customer

import (
	"context"
	"net/http"
	"sync"
	"time"

	"tienda/tests/history"
)

// tokenLife is after how long a token is asked for anew; it holds for 10 minutes.
const tokenLife = 7 * time.Minute

// Account is somebody who signs in.
type Account struct {
	Web             *Web
	Email, Password string
	Again           time.Duration // between tries to sign in; 0: there is one

	mu    sync.Mutex
	token string
	since time.Time
}

// Bearer gives the value of the header, "" of nobody. It signs in where the token is old, which
// costs the shop an argon2id; an old or missing one shows in the answers.
func (s *Account) Bearer(ctx context.Context) string {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for (s.token == "" || time.Since(s.since) > tokenLife) && !s.signIn(ctx) && s.Again > 0 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(s.Again):
		}
	}
	return s.token
}

func (s *Account) signIn(ctx context.Context) bool {
	var got struct {
		AccessToken string `json:"access_token"`
	}
	a := s.Web.Send(ctx, http.MethodPost, "/v1/auth/token", map[string]string{"grant_type": "password", "email": s.Email, "password": s.Password})
	if a.Into(&got); a.Outcome() != history.Done {
		return false
	}
	s.token, s.since = "Bearer "+got.AccessToken, time.Now()
	return true
}
