package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/google/uuid"
)

// What the gateway does by itself, without an app.
const (
	indexCase = "gateway: its own index"
	tokenCase = "gateway: token, route and refusal"

	signInCase = "sign-in"
)

// index is what an HTTP exchange with the gateway costs when it checks nothing.
func (b *buyers) index(ctx context.Context, _ int) error {
	_, err := send(ctx, b.http, http.MethodGet, b.gateway+"/", "")
	return err
}

// refused has the gateway check the token, find the route and miss the role: all
// that it does before it sends a request on, and a problem document.
func (b *buyers) refused(ctx context.Context, _ int) error {
	status, body, err := ask(ctx, b.http, http.MethodGet, b.gateway+"/v1/users/"+uuid.NewString(), "", "Authorization", "Bearer "+b.token)
	if err == nil && status != http.StatusForbidden {
		err = fmt.Errorf("%d in place of a refusal: %.200s", status, body)
	}
	return err
}

// members is how many accounts sign in, in turn: as many as an address may
// register at once, less some. Each of them signs in from one device, which ends
// none of its sessions in the time of a measurement.
const members = 28

func member(i int) string {
	return fmt.Sprintf(`"email": "member-%d@example.com", "password": "a password of the bench"`, i%members)
}

// join registers the members.
func (b *buyers) join(ctx context.Context) error {
	for i := range members {
		if _, err := send(ctx, b.http, http.MethodPost, b.gateway+"/v1/users", "{"+member(i)+`, "name": "M"}`); err != nil {
			return err
		}
	}
	return nil
}

// signInOnce is a sign-in with a good password: argon2id decides what it costs.
func (b *buyers) signInOnce(ctx context.Context, _ int) error {
	_, err := send(ctx, b.http, http.MethodPost, b.gateway+"/v1/auth/token", `{"grant_type": "password", `+member(int(b.turn.Add(1)))+"}")
	return err
}

// printDoor tells what token check and routing cost, as a part of what a bare
// invocation does: the refusal less the exchange that checks nothing.
func (r *Report) printDoor(w io.Writer) {
	floor, index, token := r.find("floor: one invocation"), r.find(indexCase), r.find(tokenCase)
	if floor == nil || index == nil || token == nil {
		return
	}
	fmt.Fprintf(w, "token check and routing: %.3f ms of CPU, %.0f %% of a bare invocation's\n",
		token.CPU-index.CPU, 100*(token.CPU-index.CPU)/floor.CPU)
}
