import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/**
 * Clients of two brokers, one of which dies under them. Each step says, in a line of JSON, what its client counted itself.
 *
 * Takes the addresses of the brokers, with a comma in between, and the process of the second.
 */
public class Failover {
    static final int PARTITIONS = 4;
    static final String TOPIC = "spread";

    public static void main(String[] arguments) throws Exception {
        Clients.broker = arguments[0];
        ProcessHandle second = ProcessHandle.of(Long.parseLong(arguments[1])).orElseThrow();
        try (Admin admin = Admin.create(Clients.properties("java-admin"))) {
            Clients.awaitBrokers(admin, 2);
            List<Integer> first = List.of(1, 2);
            List<Integer> other = List.of(2, 1);
            // each broker leads half of the partitions; what groups commit is with the one that dies
            var spread = new NewTopic(TOPIC, Map.of(0, first, 1, other, 2, first, 3, other));
            var offsets = new NewTopic("__consumer_offsets", Map.of(0, other)).configs(Map.of("cleanup.policy", "compact"));
            admin.createTopics(List.of(spread, offsets)).all().get();
            run(admin, second);
        }
    }

    static void run(Admin admin, ProcessHandle second) throws Exception {
        try (var producer = Clients.producer("java-spread", Map.of()); var reader = Clients.consumer("java-reader", "readers", Map.of())) {
            reader.subscribe(List.of(TOPIC));
            spread(producer, 100);
            // this one has read some when the broker dies, and never comes back
            try (var stopped = Clients.consumer("java-stopped", "stopped", Map.of())) {
                stopped.subscribe(List.of(TOPIC));
                read(stopped, 100);
                Clients.tell("stopped", "java-stopped", stopped.metrics(), TOPIC);
            }
            read(reader, 100);
            second.destroyForcibly();
            while (admin.describeTopics(List.of(TOPIC)).allTopicNames().get().get(TOPIC).partitions().stream()
                    .anyMatch(partition -> partition.leader() == null || partition.leader().id() != 1)) {
                Thread.sleep(50);
            }
            spread(producer, 60);
            read(reader, 60);
            spread(producer, 20);
            Clients.poll(reader, 20);
            Clients.settle(reader);
            Clients.tell("spread", "java-spread", producer.metrics(), TOPIC);
            Clients.tell("read", "java-reader", reader.metrics(), TOPIC);
        }
    }

    /** As many to each partition. */
    static void spread(KafkaProducer<byte[], byte[]> producer, int count) {
        for (int number = 0; number < count; number++) {
            producer.send(new ProducerRecord<>(TOPIC, number % PARTITIONS, null, ("value " + number).getBytes()));
        }
        producer.flush();
    }

    /** Reads so many, and commits. */
    static void read(KafkaConsumer<byte[], byte[]> consumer, int count) {
        Clients.poll(consumer, count);
        Clients.settle(consumer);
        consumer.commitSync(Duration.ofSeconds(30));
    }
}
