package checker

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

func (s *Shop) categories(ctx context.Context, into map[string]found) error {
	var list struct {
		Items []struct {
			Slug, Name, Parent string
			Position           int
		}
	}
	if _, err := s.Call(ctx, Account{}, http.MethodGet, "/v1/categories", "", nil, &list); err != nil {
		return err
	}
	into[category] = found{}
	for _, c := range list.Items {
		into[category].add(c.Slug, Facts{"name": c.Name, "parent": c.Parent, "position": strconv.Itoa(c.Position)})
	}
	return nil
}

// products finds products and SKUs, drafts and archived ones too.
func (s *Shop) products(ctx context.Context, into map[string]found) error {
	type line struct {
		ID, Slug, Language, Name, Description, Category, Status string
		TaxClass                                                string `json:"tax_class"`
		Images                                                  []string
		Attributes                                              map[string]string
		Variants                                                []struct {
			SKU, Name, Barcode string
			WeightGrams        int64 `json:"weight_grams"`
			Options            map[string]string
			Prices             []money
		}
	}
	all, err := lines[line](ctx, s, s.Catalog, "/v1/exports/products")
	if err != nil {
		return err
	}
	into[product], into[variant] = found{}, found{}
	for _, p := range all {
		into[product].add(p.Slug, Facts{
			"row_id": p.ID, "language": p.Language, "name": p.Name, "description": p.Description, "category": p.Category, "status": p.Status,
			"tax_class": p.TaxClass, "images": join(p.Images), "brand": p.Attributes["brand"], "actor": p.Attributes["actor"],
		})
		for i, v := range p.Variants {
			prices := make([]string, len(v.Prices))
			for n := range v.Prices {
				prices[n] = v.Prices[n].String()
			}
			into[variant].add(v.SKU, Facts{
				"product": p.Slug, "place": strconv.Itoa(i + 1), "name": v.Name, "barcode": v.Barcode, "weight": number(v.WeightGrams),
				"color": v.Options["color"], "size": v.Options["size"], "prices": join(prices),
			})
		}
	}
	return nil
}

// onSale finds how many products everybody is shown.
func (s *Shop) onSale(ctx context.Context, into map[string]found) error {
	var list struct{ Total int }
	if _, err := s.Call(ctx, Account{}, http.MethodGet, "/v1/products?limit=1", "", nil, &list); err != nil {
		return err
	}
	into[onSale] = found{"all": {{"total": strconv.Itoa(list.Total)}}}
	return nil
}

// stock finds what there is of each SKU, wherever it is.
func (s *Shop) stock(ctx context.Context, into map[string]found) error {
	type line struct {
		SKU      string
		OnHand   int64 `json:"on_hand"`
		Reserved int64
	}
	all, err := lines[line](ctx, s, s.Catalog, "/v1/exports/stock")
	if err != nil {
		return err
	}
	into[stock] = found{}
	onHand, reserved := map[string]int64{}, map[string]int64{}
	for _, l := range all {
		onHand[l.SKU] += l.OnHand
		reserved[l.SKU] += l.Reserved
	}
	for sku, n := range onHand {
		into[stock].add(sku, Facts{"on_hand": strconv.FormatInt(n, 10), "reserved": strconv.FormatInt(reserved[sku], 10)})
	}
	return nil
}

// thresholds finds below what number of pieces each SKU counts as low, of those that have
// a number of their own.
func (s *Shop) thresholds(ctx context.Context, into map[string]found) error {
	type line struct{ SKU string }
	all, err := lines[line](ctx, s, s.Catalog, "/v1/exports/stock")
	if err != nil {
		return err
	}
	into[threshold] = found{}
	for _, l := range all {
		var is struct {
			LowAt *int64 `json:"low_stock_at"`
		}
		if _, err := s.Call(ctx, s.Catalog, http.MethodGet, "/v1/inventory/"+url.PathEscape(l.SKU), "", nil, &is); err != nil {
			return err
		}
		if is.LowAt != nil {
			into[threshold].add(l.SKU, Facts{"low_at": strconv.FormatInt(*is.LowAt, 10)})
		}
	}
	return nil
}

func join(all []string) string {
	out := ""
	for i, one := range all {
		if i > 0 {
			out += " | "
		}
		out += one
	}
	return out
}

// number writes a number, and nothing for one that is left out.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
