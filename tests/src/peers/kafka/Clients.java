import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.Metric;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.quota.ClientQuotaAlteration;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The Java client in all its ways. Each step says, in a line of JSON, what its client counted itself.
 *
 * Takes the address of a broker and the topics that other clients need beside.
 */
public class Clients {
    static String broker;

    public static void main(String[] arguments) throws Exception {
        broker = arguments[0];
        try (Admin admin = Admin.create(properties("java-admin"))) {
            // a broker that has just started is not in the cluster yet
            while (admin.describeCluster().nodes().get().isEmpty()) {
                Thread.sleep(50);
            }
            List<NewTopic> topics = new ArrayList<>();
            for (String name : List.of("acks-0", "acks-1", "acks-all", "gzip", "snappy", "lz4", "zstd", "transactions", "throttled")) {
                topics.add(new NewTopic(name, 1, (short) 1));
            }
            for (int at = 1; at < arguments.length; at++) {
                topics.add(new NewTopic(arguments[at], 1, (short) 1));
            }
            topics.add(new NewTopic("grouped", 3, (short) 1));
            topics.add(new NewTopic("small", 1, (short) 1).configs(Map.of("max.message.bytes", "5000")));
            admin.createTopics(topics).all().get();
            var slow = new ClientQuotaEntity(Map.of(ClientQuotaEntity.CLIENT_ID, "java-throttled"));
            var quota = List.of(new ClientQuotaAlteration.Op("producer_byte_rate", 20_000.0));
            admin.alterClientQuotas(List.of(new ClientQuotaAlteration(slow, quota))).all().get();
        }
        for (String acks : List.of("0", "1", "all")) {
            produce("acks-" + acks, Map.of("acks", acks, "enable.idempotence", String.valueOf(acks.equals("all"))));
        }
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) {
            produce(codec, Map.of("compression.type", codec));
            consume(codec);
        }
        tooLarge();
        unknownTopic();
        transactions();
        rebalance();
        throttled();
    }

    static Properties properties(String client) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", broker);
        properties.put("client.id", client);
        // what a client tells its broker of itself would come at any time
        properties.put("enable.metrics.push", "false");
        return properties;
    }

    static KafkaProducer<byte[], byte[]> producer(String client, Map<String, String> more) {
        Properties properties = properties(client);
        properties.put("linger.ms", "5");
        properties.putAll(more);
        return new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static KafkaConsumer<byte[], byte[]> consumer(String client, String group, Map<String, String> more) {
        Properties properties = properties(client);
        properties.put("group.id", group);
        properties.put("auto.offset.reset", "earliest");
        properties.put("enable.auto.commit", "false");
        properties.put("fetch.max.wait.ms", "100");
        properties.putAll(more);
        return new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static void send(KafkaProducer<byte[], byte[]> producer, String topic, int count) {
        for (int number = 0; number < count; number++) {
            producer.send(new ProducerRecord<>(topic, ("key-" + number).getBytes(), ("value " + number).repeat(20).getBytes()));
        }
        producer.flush();
    }

    static void produce(String topic, Map<String, String> more) {
        try (var producer = producer("java-" + topic, more)) {
            send(producer, topic, 500);
            tell(topic, "java-" + topic, producer.metrics(), topic);
        }
    }

    /** A new group reads a topic from its beginning. */
    static void consume(String topic) {
        String client = "java-read-" + topic;
        try (var consumer = consumer(client, "group-" + topic, Map.of())) {
            consumer.subscribe(List.of(topic));
            poll(consumer, 500);
            settle(consumer);
            consumer.commitSync();
            tell("read-" + topic, client, consumer.metrics(), topic);
        }
    }

    static void poll(KafkaConsumer<byte[], byte[]> consumer, int count) {
        int seen = 0;
        while (seen < count) {
            seen += consumer.poll(Duration.ofMillis(100)).count();
        }
    }

    /** The client counts what a response gave when it asks for the next one. */
    static void settle(KafkaConsumer<byte[], byte[]> consumer) {
        if (!consumer.poll(Duration.ofMillis(50)).isEmpty()) {
            throw new IllegalStateException("there is more than was produced");
        }
    }

    /** The client lets a record through that the topic does not take. */
    static void tooLarge() throws Exception {
        try (var producer = producer("java-small", Map.of("max.request.size", "1000000"))) {
            try {
                producer.send(new ProducerRecord<>("small", new byte[20_000])).get();
                throw new IllegalStateException("the broker took a record that is too large");
            } catch (ExecutionException refused) {
                if (!(refused.getCause() instanceof RecordTooLargeException)) {
                    throw refused;
                }
            }
            send(producer, "small", 3);
            tell("small", "java-small", producer.metrics(), "small");
        }
    }

    static void unknownTopic() throws Exception {
        try (var producer = producer("java-unknown", Map.of("max.block.ms", "1000"))) {
            try {
                producer.send(new ProducerRecord<>("no-such-topic", new byte[1])).get();
                throw new IllegalStateException("there is no such topic");
            } catch (ExecutionException refused) {
                if (!(refused.getCause() instanceof TimeoutException)) {
                    throw refused;
                }
            }
            tell("unknown", "java-unknown", producer.metrics(), "no-such-topic");
        }
    }

    /** One that is committed and one that is aborted: who reads what is committed is given both, and shows the first. */
    static void transactions() {
        try (var producer = producer("java-transactions", Map.of("transactional.id", "flowfold"))) {
            producer.initTransactions();
            producer.beginTransaction();
            send(producer, "transactions", 20);
            producer.commitTransaction();
            producer.beginTransaction();
            send(producer, "transactions", 10);
            producer.abortTransaction();
            tell("transactions", "java-transactions", producer.metrics(), "transactions");
        }
        try (var consumer = consumer("java-read-transactions", "group-transactions", Map.of("isolation.level", "read_committed"))) {
            consumer.subscribe(List.of("transactions"));
            poll(consumer, 20);
            settle(consumer);
            tell("read-transactions", "java-read-transactions", consumer.metrics(), "transactions");
        }
    }

    /** A second member joins, so that the first has to share; then both read. What they read last is not committed. */
    static void rebalance() throws Exception {
        Map<String, String> quick = Map.of("heartbeat.interval.ms", "100", "session.timeout.ms", "10000");
        try (var first = consumer("java-first", "group-rebalanced", quick); var second = consumer("java-second", "group-rebalanced", quick)) {
            first.subscribe(List.of("grouped"));
            while (first.assignment().size() != 3) {
                first.poll(Duration.ofMillis(20));
            }
            second.subscribe(List.of("grouped"));
            while (second.assignment().isEmpty() || first.assignment().size() + second.assignment().size() != 3) {
                first.poll(Duration.ofMillis(20));
                second.poll(Duration.ofMillis(20));
            }
            fetchAnew(first);
            try (var producer = producer("java-grouped", Map.of())) {
                send(producer, "grouped", 300);
                share(first, second, 300);
                first.commitSync();
                second.commitSync();
                send(producer, "grouped", 50);
                share(first, second, 50);
                settle(first);
                settle(second);
                tell("grouped", "java-grouped", producer.metrics(), "grouped");
            }
            tell("read-grouped", "java-first", first.metrics(), "grouped");
            tell("read-grouped", "java-second", second.metrics(), "grouped");
        }
        // the newer protocol of groups
        try (var consumer = consumer("java-newer", "group-newer", Map.of("group.protocol", "consumer"))) {
            consumer.subscribe(List.of("grouped"));
            poll(consumer, 350);
            settle(consumer);
            consumer.commitSync();
            tell("read-grouped", "java-newer", consumer.metrics(), "grouped");
        }
    }

    /** A fetch that waits while partitions are assigned anew may still bring records, and the client would drop these. */
    static void fetchAnew(KafkaConsumer<byte[], byte[]> consumer) {
        double before = fetches(consumer);
        while (fetches(consumer) == before) {
            consumer.poll(Duration.ofMillis(20));
        }
    }

    static double fetches(KafkaConsumer<byte[], byte[]> consumer) {
        for (var metric : consumer.metrics().entrySet()) {
            if (metric.getKey().name().equals("fetch-total") && metric.getValue().metricValue() instanceof Double value) {
                return value;
            }
        }
        throw new IllegalStateException("a consumer counts its fetches");
    }

    static void share(KafkaConsumer<byte[], byte[]> first, KafkaConsumer<byte[], byte[]> second, int count) {
        int seen = 0;
        while (seen < count) {
            seen += first.poll(Duration.ofMillis(20)).count() + second.poll(Duration.ofMillis(20)).count();
        }
    }

    static void throttled() {
        try (var producer = producer("java-throttled", Map.of("linger.ms", "0"))) {
            for (int round = 0; round < 3; round++) {
                producer.send(new ProducerRecord<>("throttled", new byte[100_000]));
                producer.flush();
            }
            tell("throttled", "java-throttled", producer.metrics(), "throttled");
        }
    }

    static void tell(String step, String client, Map<MetricName, ? extends Metric> metrics, String topic) {
        Map<String, Double> seen = new HashMap<>();
        metrics.forEach((name, metric) -> {
            boolean ofTopic = topic.equals(name.tags().get("topic"));
            boolean isTotal = switch (name.group()) {
                case "producer-topic-metrics" -> ofTopic;
                // the topic of a metric of a consumer may be written in another way
                case "consumer-fetch-manager-metrics" -> !name.tags().containsKey("topic");
                case "producer-metrics", "consumer-metrics" -> name.tags().size() == 1;
                default -> false;
            };
            if (isTotal && metric.metricValue() instanceof Double value) {
                seen.put(name.name(), value);
            }
        });
        System.out.printf("{\"step\":\"%s\",\"client\":\"%s\",\"topic\":\"%s\"", step, client, topic);
        for (String name : List.of("record-send-total", "byte-total", "record-error-total", "record-retry-total",
                "records-consumed-total", "request-total", "produce-throttle-time-max")) {
            Double value = seen.get(name);
            if (value != null && Double.isFinite(value)) {
                System.out.printf(",\"%s\":%d", name, Math.round(value));
            }
        }
        System.out.println("}");
    }
}
