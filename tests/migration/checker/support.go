package checker

import (
	"context"
	"fmt"
	"strconv"
)

func (s *Shop) tickets(ctx context.Context, into map[string]found) error {
	type shown struct {
		ID, Subject, Category, Priority, Status string
		CustomerID                              string `json:"customer_id"`
		OrderID                                 string `json:"order_id"`
		Messages                                int    `json:"message_count"`
		CreatedAt                               moment `json:"created_at"`
		ClosedAt                                moment `json:"closed_at"`
	}
	type post struct {
		Author, Text string
		AuthorID     string `json:"author_id"`
		Internal     bool
		CreatedAt    moment `json:"created_at"`
	}
	list, err := all[shown](ctx, s, s.Support, "/v1/tickets?limit=100")
	if err != nil {
		return err
	}
	into[ticket], into[message] = found{}, found{}
	for _, t := range list {
		into[ticket].add(t.ID, Facts{
			"customer_id": t.CustomerID, "order_id": t.OrderID, "subject": t.Subject, "category": t.Category, "priority": t.Priority, "status": t.Status,
			"messages": strconv.Itoa(t.Messages), "created_at": t.CreatedAt.String(), "closed_at": t.ClosedAt.String(),
		})
		posts, err := all[post](ctx, s, s.Support, "/v1/tickets/"+t.ID+"/messages?limit=100")
		if err != nil {
			return err
		}
		for i, m := range posts {
			into[message].add(fmt.Sprintf("%s %d", t.ID, i+1), Facts{
				"author": m.Author, "author_id": m.AuthorID, "text": m.Text, "internal": strconv.FormatBool(m.Internal), "created_at": m.CreatedAt.String(),
			})
		}
	}
	return nil
}

func (s *Shop) returns(ctx context.Context, into map[string]found) error {
	type shown struct {
		ID, Status string
		CustomerID string `json:"customer_id"`
		OrderID    string `json:"order_id"`
		Lines      []struct {
			SKU, Reason string
			Quantity    int
		}
		Refund    *money
		CreatedAt moment `json:"created_at"`
	}
	list, err := all[shown](ctx, s, s.Support, "/v1/returns?limit=100")
	if err != nil {
		return err
	}
	into[returned], into[returnLine] = found{}, found{}
	for _, r := range list {
		into[returned].add(r.ID, Facts{
			"customer_id": r.CustomerID, "order_id": r.OrderID, "status": r.Status, "refund": r.Refund.String(), "created_at": r.CreatedAt.String(),
		})
		for _, l := range r.Lines {
			into[returnLine].add(r.ID+" "+l.SKU, Facts{"quantity": strconv.Itoa(l.Quantity), "reason": l.Reason})
		}
	}
	return nil
}
