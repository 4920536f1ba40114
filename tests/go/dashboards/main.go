// Holds dashboards against the schemas that Grafana publishes of dashboards, of its own panels and of Prometheus' queries:
// no field that they do not know, none that is missing, none of another type or beyond its bounds.
//
//	dashboards FILE...
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/nodegraph"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// What the library does not hold against anything by itself.
type panel struct {
	Type        string
	Title       string
	FieldConfig json.RawMessage
	Targets     []struct{ Datasource struct{ Type string } }
	Panels      []panel
}

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: dashboards FILE...")
		os.Exit(64)
	}
	register()
	status := 0
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Fprintf(os.Stderr, "%s:\n%v\n", path, err)
			status = 1
		}
	}
	os.Exit(status)
}

// All kinds of panels and queries would take a minute more to compile.
func register() {
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(bargauge.VariantConfig())
	runtime.RegisterPanelcfgVariant(heatmap.VariantConfig())
	runtime.RegisterPanelcfgVariant(nodegraph.VariantConfig())
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(statetimeline.VariantConfig())
	runtime.RegisterPanelcfgVariant(table.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
}

func check(path string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	board := dashboard.Dashboard{}
	errs := []error{found(board.UnmarshalJSONStrict(raw)), found(board.Validate())}
	rest := struct{ Panels []panel }{}
	if err := json.Unmarshal(raw, &rest); err != nil {
		return err
	}
	for _, panel := range rest.Panels {
		errs = append(errs, panel.check())
	}
	return errors.Join(errs...)
}

// The library takes panels and queries of kinds that it does not know as they are, and so it does with what is not a panel's own
// in the configuration of its fields.
func (p panel) check() error {
	var errs []error
	if p.Type == "row" {
		for _, inner := range p.Panels {
			errs = append(errs, inner.check())
		}
		return errors.Join(errs...)
	}
	if _, known := cog.ConfigForPanelcfgVariant(p.Type); !known {
		errs = append(errs, fmt.Errorf("panel %q: no schema for the type %q", p.Title, p.Type))
	}
	for _, target := range p.Targets {
		if target.Datasource.Type != "prometheus" {
			errs = append(errs, fmt.Errorf("panel %q: no schema for queries of %q", p.Title, target.Datasource.Type))
		}
	}
	fields := dashboard.FieldConfigSource{}
	if err := found(fields.UnmarshalJSONStrict(p.FieldConfig)); err != nil {
		errs = append(errs, fmt.Errorf("panel %q: %w", p.Title, err))
	}
	return errors.Join(errs...)
}

// The library gives an empty list of errors where there are none.
func found(err error) error {
	var list cog.BuildErrors
	if errors.As(err, &list) && len(list) == 0 {
		return nil
	}
	return err
}
