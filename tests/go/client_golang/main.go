// Renders as many histogram series as `cargo bench -p flowfold-expose` does, with the same labels and buckets, by
// client_golang: gathered, and written as text. tests/bench/rendering runs both.
package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

const (
	series = 100_000
	rounds = 11
)

func registry() *prometheus.Registry {
	histogram := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "http_server_request_duration_seconds",
		Help:    "Duration of HTTP requests to local servers",
		Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10},
	}, []string{
		"http_request_method", "http_response_status_code", "network_protocol_version", "url_scheme", "server_port",
		"source_workload", "destination_workload",
	})
	for number := range series {
		labels := []string{"GET", "200", "1.1", "http", "9080", "web", fmt.Sprintf("server-%d", number)}
		histogram.WithLabelValues(labels...).Observe(float64(number) * 37e-6)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(histogram)
	return registry
}

// render is what promhttp does for a scrape, without HTTP.
func render(registry *prometheus.Registry, format expfmt.Format, out *bytes.Buffer) error {
	families, err := registry.Gather()
	if err != nil {
		return err
	}
	encoder := expfmt.NewEncoder(out, format)
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	if closer, ok := encoder.(expfmt.Closer); ok {
		return closer.Close()
	}
	return nil
}

func main() {
	registry := registry()
	var out bytes.Buffer
	for _, kind := range []expfmt.FormatType{expfmt.TypeTextPlain, expfmt.TypeOpenMetrics} {
		var times []time.Duration
		for range rounds {
			out.Reset()
			start := time.Now()
			if err := render(registry, expfmt.NewFormat(kind), &out); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			times = append(times, time.Since(start))
		}
		slices.Sort(times)
		name := map[expfmt.FormatType]string{expfmt.TypeTextPlain: "text 0.0.4", expfmt.TypeOpenMetrics: "OpenMetrics"}[kind]
		fmt.Printf("client_golang: gather and %-11s  median %4d ms, fastest %4d ms, %d bytes\n",
			name, times[rounds/2].Milliseconds(), times[0].Milliseconds(), out.Len())
	}
}
