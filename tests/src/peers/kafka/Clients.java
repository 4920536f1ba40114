import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerRecords;
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
            awaitBrokers(admin, 1);
            List<NewTopic> topics = new ArrayList<>();
            for (String name : List.of("acks-0", "acks-1", "acks-all", "gzip", "snappy", "lz4", "zstd", "transactions", "throttled",
                    "originals", "copies-committed", "copies-aborted", "copies-left", "copies-fenced")) {
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
        copies();
        rebalance();
        throttled();
    }

    /** A broker that has just started is not in the cluster yet. */
    static void awaitBrokers(Admin admin, int count) throws Exception {
        while (admin.describeCluster().nodes().get().size() < count) {
            Thread.sleep(50);
        }
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

    /** Who reads what is committed is given what was aborted, too, and leaves it out. */
    static void transactions() {
        commitAndAbort("transactions");
        try (var consumer = consumer("java-read-transactions", "group-transactions", Map.of("isolation.level", "read_committed"))) {
            consumer.subscribe(List.of("transactions"));
            poll(consumer, 20);
            settle(consumer);
            tell("read-transactions", "java-read-transactions", consumer.metrics(), "transactions");
        }
    }

    /** A transaction that is committed and one that is aborted. */
    static void commitAndAbort(String topic) {
        try (var producer = producer("java-" + topic, Map.of("transactional.id", topic))) {
            producer.initTransactions();
            producer.beginTransaction();
            send(producer, topic, 20);
            producer.commitTransaction();
            producer.beginTransaction();
            send(producer, topic, 10);
            producer.abortTransaction();
            tell(topic, "java-" + topic, producer.metrics(), topic);
        }
    }

    /**
     * Groups consume, transform and produce in two transactions: one that is committed, and one that ends as the name says.
     * None asks where it is once it has committed, as the answer would tell what the end of the transaction has to.
     */
    static void copies() throws Exception {
        commitAndAbort("originals");
        try (Admin admin = Admin.create(properties("java-copies-admin"))) {
            await(admin, "originals", TransactionState.COMPLETE_ABORT);
            copy(admin, "committed", TransactionState.COMPLETE_COMMIT);
            copy(admin, "aborted", TransactionState.COMPLETE_ABORT);
            copy(admin, "left", TransactionState.ONGOING);
            copy(admin, "fenced", TransactionState.EMPTY);
        }
    }

    static void copy(Admin admin, String ending, TransactionState last) throws Exception {
        Map<String, Integer> made = new TreeMap<>();
        Map<String, String> few = Map.of("isolation.level", "read_committed", "max.poll.records", "5");
        try (var consumer = consumer("java-read-" + ending, "group-" + ending, few)) {
            consumer.subscribe(List.of("originals"));
            var producer = copier("java-" + ending, ending, made);
            copySome(consumer, producer, ending, made);
            end(producer, true, made);
            // a broker that still ends the last one has a producer ask again, as often as it likes
            await(admin, ending, TransactionState.COMPLETE_COMMIT);
            copySome(consumer, producer, ending, made);
            if (ending.equals("committed") || ending.equals("aborted")) {
                end(producer, ending.equals("committed"), made);
            }
            tell(ending, "java-" + ending, producer.metrics(), "copies-" + ending, made);
            // one that is given time aborts what is open
            producer.close(Duration.ZERO);
            if (ending.equals("fenced")) {
                Map<String, Integer> madeNext = new TreeMap<>();
                try (var next = copier("java-fencing", ending, madeNext)) {
                    tell("fencing", "java-fencing", next.metrics(), "copies-" + ending, madeNext);
                }
            }
            await(admin, ending, last);
        }
    }

    /** Its transactions may be open for longer than brokers allow by default, and each makes one batch. */
    static KafkaProducer<byte[], byte[]> copier(String client, String id, Map<String, Integer> made) {
        var producer = producer(client, Map.of("transactional.id", id, "transaction.timeout.ms", "1200000", "linger.ms", "60000"));
        producer.initTransactions();
        made.merge("InitProducerId", 1, Integer::sum);
        return producer;
    }

    /** Copies what a poll gives, in a transaction that is left open. */
    static void copySome(KafkaConsumer<byte[], byte[]> consumer, KafkaProducer<byte[], byte[]> producer, String ending,
            Map<String, Integer> made) {
        ConsumerRecords<byte[], byte[]> records = ConsumerRecords.empty();
        while (records.isEmpty()) {
            records = consumer.poll(Duration.ofMillis(100));
        }
        producer.beginTransaction();
        for (var record : records) {
            producer.send(new ProducerRecord<>("copies-" + ending, record.key(), record.value()));
        }
        producer.flush();
        made.merge("Produce", 1, Integer::sum);
        producer.sendOffsetsToTransaction(records.nextOffsets(), consumer.groupMetadata());
        made.merge("TxnOffsetCommit", 1, Integer::sum);
    }

    static void end(KafkaProducer<byte[], byte[]> producer, boolean commits, Map<String, Integer> made) {
        if (commits) {
            producer.commitTransaction();
        } else {
            producer.abortTransaction();
        }
        made.merge("EndTxn", 1, Integer::sum);
    }

    /** Waits until the last transaction with this id is so. */
    static void await(Admin admin, String transactionalId, TransactionState state) throws Exception {
        while (admin.describeTransactions(List.of(transactionalId)).description(transactionalId).get().state() != state) {
            Thread.sleep(10);
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
        tell(step, client, metrics, topic, Map.of());
    }

    /** Tells of a client that has made so many requests of some APIs, beside what it counts itself. */
    static void tell(String step, String client, Map<MetricName, ? extends Metric> metrics, String topic, Map<String, Integer> made) {
        Map<String, Double> seen = new HashMap<>();
        metrics.forEach((name, metric) -> {
            boolean ofTopic = topic.equals(name.tags().get("topic"));
            boolean isTotal = switch (name.group()) {
                case "producer-topic-metrics" -> ofTopic;
                // the topic of a metric of a consumer may be written in another way
                case "consumer-fetch-manager-metrics", "consumer-share-fetch-manager-metrics" -> !name.tags().containsKey("topic");
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
        made.forEach((api, requests) -> System.out.printf(",\"%s\":%d", api, requests));
        System.out.println("}");
    }
}
