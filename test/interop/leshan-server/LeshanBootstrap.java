import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;

import org.eclipse.leshan.core.SecurityMode;
import org.eclipse.leshan.core.endpoint.Protocol;
import org.eclipse.leshan.core.peer.OscoreIdentity;
import org.eclipse.leshan.core.request.BindingMode;
import org.eclipse.leshan.core.request.BootstrapDownlinkRequest;
import org.eclipse.leshan.core.response.LwM2mResponse;
import org.eclipse.leshan.server.bootstrap.BootstrapConfig;
import org.eclipse.leshan.server.bootstrap.BootstrapFailureCause;
import org.eclipse.leshan.server.bootstrap.BootstrapSession;
import org.eclipse.leshan.server.bootstrap.BootstrapSessionAdapter;
import org.eclipse.leshan.server.bootstrap.LeshanBootstrapServer;
import org.eclipse.leshan.server.bootstrap.LeshanBootstrapServerBuilder;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.CaliforniumBootstrapServerEndpointsProvider;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.coap.CoapBootstrapServerProtocolProvider;
import org.eclipse.leshan.server.californium.bootstrap.endpoint.coaps.CoapsBootstrapServerProtocolProvider;
import org.eclipse.leshan.server.security.BootstrapSecurityStore;
import org.eclipse.leshan.server.security.SecurityInfo;

/**
 * A bootstrap server on Eclipse Leshan's server library, with a configuration as its demo makes them: ids for object 0 chosen by what
 * Discover tells, objects 0 and 1 deleted first. It gives every device the server of its second parameter, with a lifetime of 55 s.
 * Writes a line for each answer, and "bootstrap finished" or "bootstrap failed".
 * Parameters: UDP port, URI of the management server, then options, each one parameter: "secure PORT ENDPOINT IDENTITY KEY" for DTLS with
 * one device that it knows; "psk IDENTITY KEY" or "rpk PUBLIC PRIVATE SERVER" for what it gives the device (keys and DER in hex).
 */
public class LeshanBootstrap {
    private static final int SHORT_ID = 111;

    public static void main(String[] parameters) throws Exception {
        CaliforniumBootstrapServerEndpointsProvider.Builder endpoints = new CaliforniumBootstrapServerEndpointsProvider.Builder(
                new CoapBootstrapServerProtocolProvider(), new CoapsBootstrapServerProtocolProvider());
        endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", Integer.parseInt(parameters[0])), Protocol.COAP);
        LeshanBootstrapServerBuilder builder = new LeshanBootstrapServerBuilder();
        BootstrapConfig config = configFor(parameters[1]);
        BootstrapConfig.ServerSecurity given = config.security.get(0);
        for (String option : Arrays.asList(parameters).subList(2, parameters.length)) {
            String[] words = option.split(" ");
            switch (words[0]) {
                case "secure":
                    endpoints.addEndpoint(new InetSocketAddress("127.0.0.1", Integer.parseInt(words[1])), Protocol.COAPS);
                    builder.setSecurityStore(new OneDevice(SecurityInfo.newPreSharedKeyInfo(words[2], words[3], bytes(words[4]))));
                    break;
                case "psk":
                    given.securityMode = SecurityMode.PSK;
                    given.publicKeyOrId = words[1].getBytes();
                    given.secretKey = bytes(words[2]);
                    break;
                case "rpk":
                    given.securityMode = SecurityMode.RPK;
                    given.publicKeyOrId = bytes(words[1]);
                    given.secretKey = bytes(words[2]);
                    given.serverPublicKey = bytes(words[3]);
                    break;
                default: throw new IllegalArgumentException(option);
            }
        }
        builder.setEndpointsProviders(endpoints.build());
        builder.setConfigStore(session -> config);
        LeshanBootstrapServer server = builder.build();
        server.addListener(new BootstrapSessionAdapter() {
            @Override
            public void onResponseSuccess(BootstrapSession session, BootstrapDownlinkRequest<? extends LwM2mResponse> request,
                    LwM2mResponse response) {
                System.out.println("= " + response.getCode().getCode() + " " + request.getClass().getSimpleName() + " " + request.getPath());
            }

            @Override
            public void onResponseError(BootstrapSession session, BootstrapDownlinkRequest<? extends LwM2mResponse> request,
                    LwM2mResponse response) {
                onResponseSuccess(session, request, response);
                System.out.println(response.getErrorMessage() + " to " + request);
            }

            @Override
            public void end(BootstrapSession session) {
                System.out.println("bootstrap finished");
            }

            @Override
            public void failed(BootstrapSession session, BootstrapFailureCause cause) {
                System.out.println("bootstrap failed " + cause);
            }
        });
        server.start();
        System.out.println("ready");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        while (input.readLine() != null) continue;
        server.destroy();
    }

    private static BootstrapConfig configFor(String uri) {
        BootstrapConfig config = new BootstrapConfig();
        config.autoIdForSecurityObject = true;
        config.toDelete.add("/0");
        config.toDelete.add("/1");
        BootstrapConfig.ServerSecurity security = new BootstrapConfig.ServerSecurity();
        security.uri = uri;
        security.bootstrapServer = false;
        security.securityMode = SecurityMode.NO_SEC;
        security.serverId = SHORT_ID;
        config.security.put(0, security);
        BootstrapConfig.ServerConfig server = new BootstrapConfig.ServerConfig();
        server.shortId = SHORT_ID;
        server.lifetime = 55;
        server.binding = EnumSet.of(BindingMode.U);
        config.servers.put(0, server);
        return config;
    }

    private static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex);
    }

    private static class OneDevice implements BootstrapSecurityStore {
        private final SecurityInfo known;

        OneDevice(SecurityInfo known) {
            this.known = known;
        }

        @Override
        public Iterator<SecurityInfo> getAllByEndpoint(String endpoint) {
            return (endpoint.equals(known.getEndpoint()) ? List.of(known) : List.<SecurityInfo>of()).iterator();
        }

        @Override
        public SecurityInfo getByIdentity(String identity) {
            return identity.equals(known.getPskIdentity()) ? known : null;
        }

        @Override
        public SecurityInfo getByOscoreIdentity(OscoreIdentity identity) {
            return null;
        }
    }
}
