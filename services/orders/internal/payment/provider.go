package payment

import "context"

// Provider does the steps. What has one key is done once, and a repeat gives the
// outcome that the first had. An error says nothing about whether it was done: then
// Lookup tells.
type Provider interface {
	// Authorise holds an amount on the card of a token.
	Authorise(ctx context.Context, key string, amount int64, currency, token string) (Outcome, error)
	// Capture takes a part of what an authorisation holds, Void lets go of it, Refund
	// gives a part of what was taken back. of is the authorisation's reference.
	Capture(ctx context.Context, key, of string, amount int64, currency string) (Outcome, error)
	Void(ctx context.Context, key, of string) (Outcome, error)
	Refund(ctx context.Context, key, of string, amount int64, currency string) (Outcome, error)
	// Lookup says what became of a key: Missing where it is not known.
	Lookup(ctx context.Context, key string) (Outcome, error)
}
