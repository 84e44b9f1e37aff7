package checker

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// atOnce is how many requests are under way.
const atOnce = 4

func (s *Shop) accounts(ctx context.Context, into map[string]found) error {
	type user struct {
		ID, Email, Name string
		Roles           []string
		Disabled        bool
	}
	list, err := all[user](ctx, s, s.Admin, "/v1/users?limit=100")
	if err != nil {
		return err
	}
	into[account] = found{}
	for _, u := range list {
		slices.Sort(u.Roles)
		into[account].add(u.Email, Facts{
			"row_id": u.ID, "name": u.Name, "roles": strings.Join(u.Roles, " "), "disabled": strconv.FormatBool(u.Disabled),
		})
	}
	return nil
}

// profiles finds what only its owner is shown: each customer signs in and looks.
func (s *Shop) profiles(ctx context.Context, into map[string]found) error {
	into[profile], into[address] = found{}, found{}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, who := range s.Customers {
		g.Go(func() error {
			is, addresses, err := s.profile(ctx, who)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			into[profile].add(who.Email, is)
			for _, a := range addresses {
				into[address].add(who.Email, a)
			}
			return nil
		})
	}
	return g.Wait()
}

func (s *Shop) profile(ctx context.Context, who Account) (Facts, []Facts, error) {
	var p struct {
		Currency, Language string
		MarketingMail      bool   `json:"marketing_mail"`
		Default            string `json:"default_address_id"`
	}
	_, err := s.Call(ctx, who, http.MethodGet, "/v1/me/preferences", "", nil, &p)
	if refused := (*Refused)(nil); errors.As(err, &refused) && (refused.Code == "account_disabled" || refused.Code == "invalid_credentials") {
		return Facts{"sign_in": refused.Code}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var me struct {
		CreatedAt moment `json:"created_at"`
	}
	if _, err := s.Call(ctx, who, http.MethodGet, "/v1/me", "", nil, &me); err != nil {
		return nil, nil, err
	}
	var list struct {
		Items []struct {
			ID, Name, Line1, Line2, City, Region, Country, Phone string
			PostalCode                                           string `json:"postal_code"`
		}
	}
	if _, err := s.Call(ctx, who, http.MethodGet, "/v1/me/addresses", "", nil, &list); err != nil {
		return nil, nil, err
	}
	is := Facts{"sign_in": "yes", "currency": p.Currency, "language": p.Language, "marketing": strconv.FormatBool(p.MarketingMail), "created_at": me.CreatedAt.String()}
	var addresses []Facts
	for _, a := range list.Items {
		addresses = append(addresses, Facts{
			"name": a.Name, "line1": a.Line1, "line2": a.Line2, "city": a.City, "region": a.Region, "postal_code": a.PostalCode,
			"country": a.Country, "phone": a.Phone, "default": strconv.FormatBool(a.ID == p.Default),
		})
	}
	return is, addresses, nil
}
